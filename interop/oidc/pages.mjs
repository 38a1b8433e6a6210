// The pages of the provider: plain HTML that refers to nothing elsewhere.

const escapes = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const text = (s) => String(s).replace(/[&<>"']/g, (c) => escapes[c]);

const page = (title, content) => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${text(title)}</title>
<link rel="icon" href="data:,">
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 sans-serif; max-width: 24rem; margin: 3rem auto; padding: 0 1rem; }
input, button { font: inherit; display: block; width: 100%; box-sizing: border-box; padding: .6rem; margin: .5rem 0 1rem; }
</style>
<h1>${text(title)}</h1>
${content}
</html>
`;

export const loginPage = ({ action, client }) => page('Sign in', `<p>to continue to ${text(client)}</p>
<form method="post" action="${text(action)}">
<label>Name <input name="login" autocomplete="off" required autofocus></label>
<label>Password <input name="password" type="password" autocomplete="off"></label>
<button name="do" value="login">Sign in</button>
<button name="do" value="cancel" formnovalidate>[ Cancel ]</button>
</form>`);

export const consentPage = ({ action, client, scope }) => page('Authorize', `<p>${text(client)} asks for ${text(scope)}.</p>
<form method="post" action="${text(action)}">
<button name="do" value="continue" autofocus>Continue</button>
<button name="do" value="cancel">[ Cancel ]</button>
</form>`);

export const logoutPage = (form) => page('Sign out', `${form}
<p>Do you want to sign out of the provider, too?</p>
<button form="op.logoutForm" name="logout" value="yes" autofocus>Yes, sign me out</button>
<button form="op.logoutForm">No, stay signed in</button>`);

export const errorPage = (title, detail) => page(title, `<p>${text(detail)}</p>`);

export const picture = (path) => `<svg xmlns="http://www.w3.org/2000/svg" width="96" height="96">
<rect width="96" height="96" fill="#246"/>
<text x="48" y="62" font-family="sans-serif" font-size="40" text-anchor="middle" fill="#fff">${text(path['/picture/'.length].toUpperCase())}</text>
</svg>
`;
