
const keys = {ArrowLeft: 'left', ArrowRight: 'right', ArrowUp: 'both', ArrowDown: 'neither'};
let voted = false;
addEventListener('pageshow', () => { voted = false });
addEventListener('submit', (event) => { if (voted) event.preventDefault(); voted = true });
addEventListener('keydown', (event) => {
  const button = document.querySelector(`button[value="${keys[event.key]}"]`);
  if (button && !event.repeat) { event.preventDefault(); button.click() } });
