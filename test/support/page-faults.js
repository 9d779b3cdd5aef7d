/* What is wrong with a page as it stands, as sentences: landmarks, headings, names, labels, contrast (WCAG AA), what sticks out sideways. Evaluated in the page. */
const visible = (el) => el.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true });
const all = (selector) => [...document.querySelectorAll(selector)].filter(visible);
const called = (el) => `<${el.tagName.toLowerCase()}${el.id ? ` id=${el.id}` : ''}> “${(el.textContent ?? '').trim().slice(0, 40)}”`;
const channels = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number);
const light = (colour) => {
  const [r, g, b] = colour.map((v) => (v / 255 <= 0.039_28 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (el) => {
  for (let at = el; at; at = at.parentElement) {
    const c = channels(getComputedStyle(at).backgroundColor);
    if (c.length === 3 || (c[3] ?? 0) > 0.99) return c;
  }
  return [255, 255, 255];
};

function structure() {
  const found = [];
  for (const selector of ['main', 'h1', 'header']) if (all(selector).length !== 1) found.push(`${all(selector).length} times <${selector}>`);
  if (!document.documentElement.lang || !document.title) found.push('no language or no title');
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  for (const id of new Set(ids.filter((one, i) => ids.indexOf(one) !== i))) found.push(`the id ${id} is there twice`);
  let level = 0;
  for (const h of all('h1,h2,h3,h4')) {
    const now = Number(h.tagName[1]);
    if (now > level + 1) found.push(`${called(h)} skips a level`);
    level = now;
  }
  if (!document.querySelector('[role=status],[aria-live]')) found.push('nothing says aloud what changes');
  const sticksOut = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  return sticksOut > 0 ? [...found, `the page is ${sticksOut} px wider than the screen`] : found;
}

function names() {
  const found = [];
  for (const el of all('input:not([type=hidden]),select,textarea')) if (!el.labels?.length && !el.ariaLabel) found.push(`${called(el)} has no label`);
  for (const el of all('button,a,summary')) if (!el.textContent.trim() && !el.ariaLabel) found.push(`${called(el)} has no name`);
  for (const el of all('[aria-labelledby],[aria-describedby]'))
    for (const id of `${el.getAttribute('aria-labelledby') ?? ''} ${el.getAttribute('aria-describedby') ?? ''}`.split(' ').filter(Boolean))
      if (!document.getElementById(id)) found.push(`${called(el)} is named by ${id}, which is not there`);
  return found;
}

function contrast() {
  const found = [];
  for (const el of all('body *')) {
    if (el.disabled || ![...el.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim() !== '')) continue;
    const style = getComputedStyle(el);
    const [a, b] = [light(channels(style.color)), light(ground(el))].toSorted((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const size = Number.parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) found.push(`${called(el)} has a contrast of ${ratio.toFixed(2)}`);
  }
  return found;
}

globalThis.faultsOfPage = () => [...structure(), ...names(), ...contrast()];
