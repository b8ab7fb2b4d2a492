"""The style sheet of a form.

Colours come from the theme (``--jp-…`` where JupyterLab sets them, else what is inherited), so that light and
dark are both right without asking which it is. Every rule is bound to the form's own class.
"""

from __future__ import annotations

from typing import Final

__all__ = ["STYLE"]

STYLE: Final = """<style>
.sky-form {max-width:780px; padding:4px 2px 10px; overflow:visible}
.sky-form .jupyter-widgets {margin:0}
.sky-form .widget-html > .widget-html-content {line-height:1.45; min-width:0}
.sky-form .sky-named > label.widget-label {position:absolute; width:1px !important; height:1px;
  overflow:hidden; clip-path:inset(50%); white-space:nowrap}
.sky-head {display:flex; gap:10px; align-items:baseline; flex-wrap:wrap; padding-bottom:2px}
.sky-head b {font-size:16px; font-weight:600}
.sky-about {padding-bottom:10px}
.sky-muted {opacity:.7; font-size:12px}
.sky-badge {font-size:11px; line-height:16px; padding:0 8px; border-radius:9px; border:1px solid
  currentColor; opacity:.7}
.sky-form .sky-room {container-type:inline-size; overflow:visible}
.sky-form .sky-grid {grid-template-columns:minmax(96px,150px) minmax(0,1fr); gap:0 16px;
  align-items:start}
.sky-form .sky-grid > :nth-child(3n+1) {grid-column:1}
.sky-form .sky-grid > :nth-child(3n+2), .sky-form .sky-grid > :nth-child(3n) {grid-column:2}
.sky-form .sky-grid > .sky-label {padding-top:4px}
.sky-form .sky-label .widget-html-content {font-size:13px; line-height:20px; font-weight:500;
  overflow-wrap:anywhere}
@container (max-width:430px) {
  .sky-form .sky-grid {grid-template-columns:minmax(0,1fr)}
  .sky-form .sky-grid > .widget-html, .sky-form .sky-grid > :nth-child(3n+2) {grid-column:1}
  .sky-form .sky-slides {margin-left:9px}}
.sky-needed {color:var(--jp-error-color1,#c62828); padding-left:3px}
.sky-form .sky-note .widget-html-content {font-size:12px; line-height:16px; padding:2px 0 10px;
  min-height:0}
.sky-help {opacity:.7}
.sky-wrong {color:var(--jp-error-color1,#c62828); font-weight:500}
.sky-form textarea, .sky-form input[type=text], .sky-form input[type=password], .sky-form select {
  border-radius:4px; font-size:13px; font-family:var(--jp-ui-font-family,inherit)}
.sky-form .widget-textarea textarea {line-height:1.5; padding:7px 10px; resize:vertical}
.sky-form .sky-said textarea {font-size:14px}
.sky-form .sky-json textarea {font-family:var(--jp-code-font-family,monospace); font-size:12px}
.sky-form .widget-text input {padding:3px 8px}
.sky-row {align-items:center; gap:12px}
.sky-form .widget-dropdown > select {padding-right:24px; background-repeat:no-repeat;
  background-image:linear-gradient(45deg,transparent 50%,currentColor 50%),
  linear-gradient(-45deg,transparent 50%,currentColor 50%); background-size:5px 5px;
  background-position:right 14px center,right 9px center}
.sky-form .sky-grid > .widget-dropdown {justify-self:start; min-width:200px; max-width:100%}
.sky-form .sky-row, .sky-form .sky-slides, .sky-form .sky-slides .slider-container {overflow:visible}
.sky-form .sky-slides .slider-container {margin-left:0}
.sky-form .sky-slides .noUi-handle {border:1px solid var(--jp-brand-color1,#1976d2); cursor:grab}
.sky-form .sky-unset .noUi-handle {opacity:.45; border-style:dashed}
.sky-form .widget-toggle-buttons {height:auto}
.sky-form .widget-toggle-buttons .widget-toggle-button {width:auto; min-width:46px; padding:0 12px;
  margin:0 5px 5px 0; border-radius:4px}
.sky-form .widget-toggle-buttons .widget-toggle-button.mod-active
  {background:var(--jp-brand-color1,#1976d2); color:#fff; box-shadow:none}
.sky-form .widget-checkbox {height:auto}
.sky-form .widget-checkbox label {width:auto; max-width:100%; font-size:13px; white-space:normal;
  height:auto; line-height:18px; padding:5px 0}
.sky-group {border-left:2px solid var(--jp-border-color2,rgba(128,128,128,.4)); padding-left:12px}
.sky-file {display:flex; gap:10px; align-items:center; padding:6px 0 2px}
.sky-file img {border-radius:5px; max-height:72px; max-width:120px; display:block}
.sky-form .sky-add {align-self:flex-start}
.sky-form .sky-upload {font-size:0 !important}
.sky-form .sky-upload::after {content:"Upload"; font-size:13px}
.sky-form .sky-upload i {font-size:13px; margin-right:6px}
.sky-actions {gap:8px; align-items:center; padding:10px 0 4px; flex-wrap:wrap}
.sky-form .sky-panels {gap:8px; margin-left:auto; flex:0 0 auto}
.sky-form button.jupyter-button {border-radius:4px}
.sky-form button.sky-go {font-weight:600; padding:0 20px}
.sky-form button.sky-quiet {background:transparent; border:1px solid
  var(--jp-border-color1,rgba(128,128,128,.5)); color:var(--jp-ui-font-color1,inherit)}
.sky-form button.sky-quiet.mod-active {background:var(--jp-layout-color3,rgba(128,128,128,.25));
  box-shadow:none}
.sky-form .sky-price {padding-left:6px}
.sky-form .sky-price .widget-html-content {font-size:14px; white-space:nowrap}
.sky-price b {font-weight:600}
.sky-status {align-items:center; gap:0 12px; padding:4px 0 6px; flex-wrap:wrap}
.sky-form .sky-status .widget-hprogress {height:6px}
.sky-form .sky-status .progress {height:6px; border-radius:3px; overflow:hidden; margin:0;
  background:var(--jp-layout-color3,rgba(128,128,128,.25))}
.sky-waiting .progress-bar {width:35% !important; animation:sky-wait 1.4s ease-in-out infinite alternate}
@keyframes sky-wait {from {margin-left:0} to {margin-left:65%}}
.sky-hint {padding-left:14px}
.sky-trouble {border-left:3px solid var(--jp-error-color1,#c62828); padding:2px 0 2px 12px; margin:6px 0
  10px; overflow-wrap:anywhere}
.sky-trouble b {color:var(--jp-error-color1,#c62828)}
.sky-form .sky-code {position:relative; margin:4px 0 10px; padding:0; width:100%}
.sky-form .sky-code pre {margin:0; padding:11px 14px; border-radius:5px; overflow:auto;
  max-height:340px; font-size:12.5px; line-height:1.5; font-family:var(--jp-code-font-family,monospace);
  white-space:pre; background:var(--jp-cell-editor-background,rgba(128,128,128,.1)); border:1px solid
  var(--jp-border-color2,rgba(128,128,128,.35))}
.sky-form .sky-copy {position:absolute; top:7px; right:7px; font-size:11px; line-height:16px;
  padding:2px 10px; border-radius:4px; cursor:pointer; background:var(--jp-layout-color1,Canvas);
  color:inherit; font-family:inherit; border:1px solid var(--jp-border-color1,currentColor)}
.sky-form .sky-results {gap:18px 16px; flex-flow:row wrap; align-items:flex-start; padding-top:8px}
.sky-form .sky-card {width:248px !important; max-width:100%; overflow:visible}
.sky-form .sky-card.sky-newest {width:100% !important; max-width:540px}
.sky-form .sky-card button.sky-again {align-self:flex-start; font-size:12px; height:26px; line-height:24px;
  padding:0 10px; margin:4px 0 2px}
.sky-form .jupyter-widget-Collapse-header {border:0; background:transparent; padding:6px 0;
  font-size:13px; font-weight:500; color:inherit}
.sky-form .jupyter-widget-Collapse-contents {border:0; background:transparent; padding:2px 0 0;
  color:inherit}
.sky-form .jupyter-widget-Collapse {margin:0; background:transparent}
.sky-form.sky-playground {max-width:1120px; gap:18px 28px; align-items:flex-start; flex-wrap:wrap}
.sky-form .sky-picker {flex:1 1 350px; gap:8px; min-width:0}
.sky-form .sky-picked {flex:999 1 440px; min-width:0}
.sky-form .sky-picker select {padding:4px; font-size:12px}
.sky-form .sky-picker option {padding:3px 2px}
</style>"""
"""It, as HTML that stands in a form's heading."""
