root.tabIndex = 0;
root.setAttribute('data-lm-suppress-shortcuts', 'true');
const shown = () => root.querySelector('[data-shown]')?.dataset.shown;
root.addEventListener('click', (event) => {
  if (!event.target.closest(once)) return;
  if (root.skyPressed === shown()) { event.preventDefault(); event.stopPropagation(); return }
  root.skyPressed = shown();
}, true);
root.addEventListener('pointerdown', (event) => {
  if (!event.target.closest('input,button,a,video,audio')) root.focus({preventScroll: true});
});
root.addEventListener('keydown', (event) => {
  if (event.target.closest('input')) {
    if (event.key === 'Enter' || event.key === 'Escape') root.focus({preventScroll: true});
    return;
  }
  if (event.target.closest('video,audio') || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const button = keys[key] && root.querySelector(keys[key]);
  if (!button) return;
  event.preventDefault();
  event.stopPropagation();
  if (!event.repeat) button.click();
}, true);
