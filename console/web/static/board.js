/* The board's only script: clocks that run, parts of the page that are swapped as they change, forms without a reload, copy buttons. Everything works without it, slower. */
const drill = document.getElementById('drill');
const say = document.getElementById('say');
/* the server's clock minus this one's, ms */
let ahead = 0;

const clock = (ms) => {
  const t = Math.max(0, Math.floor(ms / 100));
  const s = `${String(Math.floor(t / 10) % 60).padStart(2, '0')}.${t % 10}`;
  const min = Math.floor(t / 600);
  return min < 60 ? `${min}:${s}` : `${Math.floor(min / 60)}:${String(min % 60).padStart(2, '0')}:${s}`;
};
const tick = () => {
  const now = Date.now() + ahead;
  for (const el of document.querySelectorAll('[data-since]')) {
    const ms = now - Number(el.dataset.since);
    if (el.dataset.limit) el.setAttribute('width', String(Math.min(100, (100 * ms) / Number(el.dataset.limit))));
    else el.textContent = clock(ms);
  }
  /* what runs out */
  for (const el of document.querySelectorAll('[data-until]')) el.textContent = clock(Number(el.dataset.until) - now);
};

/* what somebody has typed, opened or is at, is still so after a swap */
const kept = (root) => {
  const values = new Map();
  for (const form of root.querySelectorAll('form[data-key]'))
    for (const el of form.elements) if (el.name && el.type !== 'hidden' && el.value !== '') values.set(`${form.dataset.key} ${el.name}`, el.value);
  const open = new Set([...root.querySelectorAll('details[open][data-key]')].map((d) => d.dataset.key));
  const at = root.contains(document.activeElement) ? document.activeElement : null;
  return {
    values,
    open,
    id: at?.id ?? '',
    from: at?.selectionStart ?? null,
    to: at?.selectionEnd ?? null,
    form: at?.form?.dataset?.key ?? '',
    summary: at?.closest?.('summary')?.parentElement?.dataset.key ?? '',
  };
};
const restore = (root, k) => {
  for (const form of root.querySelectorAll('form[data-key]'))
    for (const el of form.elements) {
      const value = k.values.get(`${form.dataset.key} ${el.name}`);
      if (value !== undefined && el.type !== 'hidden') el.value = value;
    }
  for (const d of root.querySelectorAll('details[data-key]')) if (k.open.has(d.dataset.key)) d.open = true;
  const again = k.id
    ? document.getElementById(k.id)
    : k.form
      ? [...root.querySelectorAll('form[data-key]')].find((f) => f.dataset.key === k.form)?.querySelector('button')
      : k.summary
        ? [...root.querySelectorAll('details[data-key]')].find((d) => d.dataset.key === k.summary)?.querySelector('summary')
        : null;
  if (!again || !root.contains(again)) return;
  again.focus({ preventScroll: true });
  if (k.from !== null && again.setSelectionRange) again.setSelectionRange(k.from, k.to);
};
const shown = new Map();
const swap = (name, html) => {
  const root = document.getElementById(`f-${name}`);
  if (!root || shown.get(name) === html) return;
  shown.set(name, html);
  const k = kept(root);
  root.innerHTML = html;
  restore(root, k);
  dress(root);
};

const dress = (root) => {
  for (const b of root.querySelectorAll('button.copy')) b.hidden = !navigator.clipboard && !document.execCommand;
};
const copy = async (text) => {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
};
document.addEventListener('click', (e) => {
  const button = e.target.closest?.('button.copy');
  if (!button) return;
  copy(button.parentElement.querySelector('code').textContent).then(
    () => {
      button.textContent = 'Copied';
      setTimeout(() => (button.textContent = 'Copy'), 1500);
    },
    () => (say.textContent = 'The browser did not let this page copy.'),
  );
});

document.addEventListener('submit', async (e) => {
  const form = e.target;
  if (!form.matches('form[action$="/acts"]')) return;
  e.preventDefault();
  const buttons = [...form.querySelectorAll('button')];
  for (const b of buttons) b.disabled = true;
  say.textContent = 'Sending…';
  say.className = 'say';
  try {
    const answer = await fetch(form.action, {
      method: 'POST',
      body: new URLSearchParams(new FormData(form)),
      headers: { accept: 'application/json' },
      redirect: 'manual',
    });
    const { state, says } = await answer.json();
    say.textContent = says;
    say.className = state === 'accepted' ? 'say pass' : state === 'sending' ? 'say' : 'say fail';
    if (state === 'accepted') {
      setTimeout(() => say.textContent === says && (say.textContent = ''), 2500);
      for (const el of form.elements) if (el.type !== 'hidden' && 'value' in el) el.value = '';
      const d = form.closest('details');
      if (d) d.open = false;
    }
  } catch {
    say.textContent = 'The board did not answer. See whether the step has moved before you try again.';
    say.className = 'say fail';
  }
  for (const b of buttons) b.disabled = false;
});

/* A browser has six lines to a site, for all its tabs (HTTP/1.1): one that nobody looks at gives its line back, and gets every part when it is looked at again. */
let line = null;
const live = () => {
  line?.close();
  if (document.hidden) return;
  const source = (line = new EventSource(drill.dataset.live));
  source.addEventListener('fragments', (e) => {
    const { now, fragments } = JSON.parse(e.data);
    ahead = now - Date.now();
    for (const [name, html] of Object.entries(fragments)) swap(name, html);
    tick();
    if (document.body.classList.contains('lost')) say.textContent = '';
    document.body.classList.remove('lost');
  });
  source.addEventListener('over', () => {
    source.close();
    document.removeEventListener('visibilitychange', live);
  });
  source.addEventListener('signed-out', () => location.reload());
  source.addEventListener('error', () => {
    document.body.classList.add('lost');
    say.textContent = 'The board does not answer; this page is not of now. It goes on by itself.';
    say.className = 'say fail';
    /* an answer that is no stream ends an EventSource for good: the session may be over, or the board may be behind a proxy that says so */
    if (source.readyState === EventSource.CLOSED) setTimeout(again, 1000);
  });
};
const again = () => {
  fetch(location.href, { redirect: 'manual' }).then((answer) => (answer.type === 'opaqueredirect' ? location.reload() : live()), live);
};
/* the list changes seldom: it is asked for again */
const list = document.getElementById('f-list');
const ask = () => {
  if (document.hidden) return;
  fetch(location.href, { redirect: 'manual' })
    .then(async (answer) => {
      if (answer.type === 'opaqueredirect') location.reload();
      else swap('list', new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById('f-list').innerHTML);
    })
    .catch(() => {});
};
if (list) setInterval(ask, 2000);

dress(document);
if (drill?.dataset.live) {
  setInterval(tick, 100);
  document.addEventListener('visibilitychange', live);
  live();
}
