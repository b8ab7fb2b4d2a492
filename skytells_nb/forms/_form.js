const turn = () => root.querySelectorAll('textarea,input[type=text]').forEach((box) => { box.dir = 'auto' });
turn();
setTimeout(turn, 500);
root.addEventListener('focusin', turn);
root.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
  const button = root.querySelector('button.sky-generate');
  if (!button) return;
  event.preventDefault();
  event.stopPropagation();
  event.target.dispatchEvent(new Event('change', {bubbles: true}));
  if (!button.disabled) button.click();
}, true);
