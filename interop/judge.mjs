// Says where browsers go that get a Location: node has the URL parser of the URL
// Standard, which browsers have too. Each line of standard input is a JSON object:
//
//	location  the bytes of the header, in base64
//	base      the URL that was asked for, of the site
//	gate      true if the site's own login page is the right place, with a
//	          return path in next that is right as a location
//
// For each it prints {"wrong": what is wrong with it, "" if nothing}.
import { createInterface } from 'node:readline';

const own = ['/login', '/callback', '/logout'];

const parsed = (location, site) => (URL.canParse(location, site) ? new URL(location, site) : null);

// decoded is path as an application sees it. What is not UTF-8 is left as it is.
function decoded(path) {
  return path.replace(/(%[0-9a-f]{2})+/gi, (run) => {
    try {
      return decodeURIComponent(run);
    } catch {
      return run;
    }
  });
}

// readings are the path as it is, decoded, and decoded with its dot segments
// resolved then, which is what a proxy may make of it.
function readings({ href, pathname }) {
  const proxied = new URL(href);
  proxied.pathname = decoded(pathname);
  return [pathname, decoded(pathname), proxied.pathname];
}

function wrongPlace(url, site) {
  if (!url) return 'it is no URL';
  if (url.origin !== site.origin) return `it leads to ${url.protocol}//${url.host}`;
  if (url.username || url.password) return 'it names a user';
  return '';
}

function wrongPage(location, site) {
  const url = parsed(location, site);
  if (wrongPlace(url, site)) return wrongPlace(url, site);
  for (const path of readings(url)) {
    if (/^[/\\]{2}/.test(path)) return 'its path begins with two slashes';
    const page = own.find((p) => path === p || path.startsWith(`${p}/`));
    if (page) return `it leads to ${page}`;
  }
  return '';
}

function wrongGate(location, site) {
  const url = parsed(location, site);
  if (wrongPlace(url, site)) return wrongPlace(url, site);
  if (url.pathname !== '/login' || url.hash) return 'it is not the login page';
  for (const [name, value] of url.searchParams) {
    if (name !== 'next') return `it has ${name}`;
    if (wrongPage(value, site)) return `in next: ${wrongPage(value, site)}`;
  }
  return '';
}

// Browsers do not agree on what bytes beyond ASCII are, and a site may have TLS or
// not, which decides what "https:x" is: the worst counts.
function judge({ location, base, gate }) {
  const bytes = Buffer.from(location, 'base64');
  const wrong = gate ? wrongGate : wrongPage;
  for (const text of [bytes.toString('utf8'), bytes.toString('latin1')]) {
    for (const scheme of ['http:', 'https:']) {
      const found = wrong(text, new URL(base.replace(/^https?:/, scheme)));
      if (found) return found;
    }
  }
  return '';
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify({ wrong: judge(JSON.parse(line)) }));
}
