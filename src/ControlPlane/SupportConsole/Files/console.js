// Adds to pages that are whole without it: times that go on, buttons that copy, and parts that follow what happens.
'use strict';
(() => {
    const main = document.getElementById('main');
    const ahead = Date.parse(document.body.dataset.now) - Date.now(); // the server's clock is the one that counts
    const now = () => Date.now() + ahead;

    // ── Times, as Words.cs writes them ──────────────────────────────────────────────────────────────────────────────
    const rough = s => s < 100 ? `${s} s` : s < 6000 ? `${Math.floor(s / 60)} min`
        : s < 172800 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} d`;

    function tick() {
        for (const time of document.querySelectorAll('time')) {
            const seconds = Math.round((now() - Date.parse(time.dateTime)) / 1000);
            const text = Math.abs(seconds) <= 1 ? 'now'
                : seconds > 0 ? `${rough(seconds)} ago` : `in ${rough(-seconds)}`;
            if (time.textContent !== text) {
                time.textContent = text;
            }
        }
    }

    // ── Copying ─────────────────────────────────────────────────────────────────────────────────────────────────────
    function offerCopies(within) {
        for (const holder of within.querySelectorAll('[data-copy]')) {
            const button = document.createElement('button');
            button.type = 'button';
            button.className = 'copy';
            button.textContent = 'Copy';
            button.setAttribute('aria-label', `Copy ${holder.dataset.copy}`);
            button.addEventListener('click', async () => {
                const code = holder.querySelector('code');
                try {
                    await navigator.clipboard.writeText(code.title || code.textContent);
                    button.textContent = 'Copied';
                } catch {
                    getSelection().selectAllChildren(code); // no clipboard over clear text: select it instead
                    button.textContent = 'Selected';
                }
                setTimeout(() => { button.textContent = 'Copy'; }, 2000);
            });
            holder.append(button);
        }
    }

    // ── Liveness: the page is asked for again, and what differs is put in the place of what was there ───────────────
    const every = 1000 * Number(main.dataset.live);
    const told = document.createElement('span');
    let tag = null;
    let parts = partsOf(main);
    let pause = false;
    let failures = 0;

    function partsOf(root) {
        return new Map([...root.children].filter(part => part.id).map(part => [part.id, part.outerHTML]));
    }

    const withoutTimes = html => html.replace(/<time [^>]*>[^<]*<\/time>/g, m => m.slice(0, m.indexOf('>')));

    function inUse(part) {
        const selection = getSelection();
        return part.contains(document.activeElement) && document.activeElement.matches('input, select')
            || selection.type === 'Range' && part.contains(selection.anchorNode);
    }

    function put(fresh) {
        const next = partsOf(fresh);
        if ([...next.keys()].join() !== [...parts.keys()].join()) {
            if (!inUse(main)) {
                main.replaceChildren(...fresh.childNodes);
                offerCopies(main);
                parts = next;
            }
            return;
        }
        for (const [id, html] of next) {
            const old = document.getElementById(id);
            if (withoutTimes(html) === withoutTimes(parts.get(id)) || inUse(old)) {
                continue;
            }
            const part = fresh.querySelector(`#${CSS.escape(id)}`);
            const focused = old.contains(document.activeElement)
                ? [...old.querySelectorAll('a, button, summary')].indexOf(document.activeElement) : -1;
            const open = [...old.querySelectorAll('details')].map(one => one.open);
            offerCopies(part);
            part.querySelectorAll('details').forEach((one, i) => { one.open = open[i] ?? one.open; });
            old.replaceWith(part);
            part.querySelectorAll('a, button, summary')[focused]?.focus();
            parts.set(id, html);
        }
    }

    async function look() {
        try {
            const headers = { 'X-Console-Live': '1' };
            if (tag) {
                headers['If-None-Match'] = tag;
            }
            const answer = await fetch(location.href, { headers, cache: 'no-store', redirect: 'error' });
            if (answer.status === 401) {
                say('Signed out. Reload to sign in.', true);
                pause = true;
                return;
            }
            if (answer.status === 200) {
                put(new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById('main'));
                tag = answer.headers.get('ETag');
                tick();
            } else if (answer.status !== 304) {
                throw new Error(answer.status);
            }
            failures = 0;
            say('Live', false);
        } catch {
            failures++;
            say('Not reached; what you see may be old.', true);
        }
    }

    function say(text, late) {
        told.textContent = text;
        told.parentElement.classList.toggle('late', late);
    }

    function follow() {
        const live = document.createElement('span');
        live.id = 'live';
        told.setAttribute('role', 'status');
        const button = document.createElement('button');
        button.type = 'button';
        button.className = 'plain';
        button.textContent = 'Pause';
        button.addEventListener('click', () => {
            pause = !pause;
            button.textContent = pause ? 'Go on' : 'Pause';
            say(pause ? 'Paused' : 'Live', false);
        });
        live.append(told, ' ', button);
        document.querySelector('.who').before(live);
        say('Live', false);
        let last = Date.now();
        setInterval(async () => {
            const wait = every * Math.min(8, 2 ** failures);
            if (!pause && !document.hidden && Date.now() - last >= wait) {
                last = Infinity; // one at a time
                await look();
                last = Date.now();
            }
        }, 500);
    }

    offerCopies(main);
    setInterval(tick, 1000);
    if (every && document.querySelector('.who')) {
        follow();
    }
})();
