// A certified OpenID provider on a free loopback port, for tests only. Anybody
// may log in under any name. It stops when its standard input is closed, so it
// never outlives the test that started it.
//
// Environment: CLIENT_ID, CLIENT_SECRET, REDIRECT_URIS and LOGOUT_URIS (separated
// by spaces), and, where the default is not wanted, PORT (0: a free one), ALG
// (RS256 or ES256), TOKEN_SECONDS, RENEWED_TOKEN_SECONDS (of access tokens that a
// refresh token brings; TOKEN_SECONDS) and ROTATE (yes, or no: then a refresh token
// may be used again). Its first JSON line on standard output is
// {"issuer": "http://127.0.0.1:…"}.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

import { consentPage, errorPage, loginPage, logoutPage, picture } from './pages.mjs';

const { env } = process;
const words = (s) => (s ?? '').split(' ').filter(Boolean);
const alg = env.ALG || 'RS256';
const tokenSeconds = Number(env.TOKEN_SECONDS || 3600);
const renewedTokenSeconds = Number(env.RENEWED_TOKEN_SECONDS || tokenSeconds);

function signingKeys() {
  const pairs = {
    RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  };
  return Object.entries(pairs).map(([name, { privateKey }]) => (
    { ...privateKey.export({ format: 'jwk' }), alg: name, use: 'sig', kid: name }));
}

// account is whoever typed that name. What it claims is at the userinfo endpoint
// only, not in the ID token.
const account = (issuer) => (_ctx, id) => ({
  accountId: id,
  claims: () => ({
    sub: id,
    name: `${id[0].toUpperCase()}${id.slice(1)} Example`,
    preferred_username: id,
    picture: `${issuer}/picture/${encodeURIComponent(id)}.svg`,
    email: `${id}@example.test`,
    email_verified: true,
  }),
});

const configuration = (issuer) => ({
  clients: [{
    client_id: env.CLIENT_ID,
    client_secret: env.CLIENT_SECRET,
    client_name: 'Interop',
    redirect_uris: words(env.REDIRECT_URIS),
    post_logout_redirect_uris: words(env.LOGOUT_URIS),
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    id_token_signed_response_alg: alg,
  }],
  jwks: { keys: signingKeys() },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  claims: {
    openid: ['sub'],
    profile: ['name', 'preferred_username', 'picture'],
    email: ['email', 'email_verified'],
  },
  responseTypes: ['code'],
  findAccount: account(issuer),
  pkce: { required: () => true },
  issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  expiresWithSession: () => false,
  rotateRefreshToken: env.ROTATE !== 'no',
  ttl: {
    AccessToken: ({ oidc }) => (oidc.params.grant_type === 'refresh_token' ? renewedTokenSeconds : tokenSeconds),
    IdToken: 3600,
    RefreshToken: 86400,
    Interaction: 600,
    Grant: 86400,
    Session: 86400,
  },
  interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
  features: {
    devInteractions: { enabled: false },
    revocation: { enabled: true },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: (ctx, form) => { ctx.body = logoutPage(form); },
      postLogoutSuccessSource: (ctx) => { ctx.body = errorPage('Signed out', 'You are signed out of the provider.'); },
    },
  },
  renderError: (ctx, out) => {
    ctx.type = 'html';
    ctx.body = errorPage(out.error, out.error_description ?? '');
  },
});

async function body(req) {
  let text = '';
  for await (const chunk of req) {
    text += chunk;
    if (text.length > 1 << 16) throw new Error('the form is too large');
  }
  return new URLSearchParams(text);
}

// allow makes the grant that the person has just consented to.
async function allow(provider, { grantId, session, params, prompt: { details } }) {
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  if (details.missingOIDCScope) grant.addOIDCScope(details.missingOIDCScope.join(' '));
  if (details.missingOIDCClaims) grant.addOIDCClaims(details.missingOIDCClaims);
  return grant.save();
}

const denial = { error: 'access_denied', error_description: 'The person <b>refused</b>.' };

// interact shows the login and the consent page, and takes what is posted there.
async function interact(provider, req, res) {
  const details = await provider.interactionDetails(req, res);
  const { prompt, params, uid } = details;
  if (req.method !== 'POST') {
    const client = await provider.Client.find(params.client_id);
    const show = prompt.name === 'login' ? loginPage : consentPage;
    res.setHeader('Content-Type', 'text/html; charset=utf-8');
    res.setHeader('Cache-Control', 'no-store');
    res.end(show({ action: `/interaction/${uid}`, client: client.clientName, scope: params.scope }));
    return;
  }
  const form = await body(req);
  let result = denial;
  if (form.get('do') !== 'cancel') {
    result = prompt.name === 'login'
      ? { login: { accountId: form.get('login') || 'nobody' } }
      : { consent: { grantId: await allow(provider, details) } };
  }
  await provider.interactionFinished(req, res, result, { mergeWithLastSubmission: prompt.name === 'consent' });
}

const server = createServer();
server.listen(Number(env.PORT || 0), '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, configuration(issuer));
  const standard = provider.callback();
  server.on('request', (req, res) => {
    const { pathname } = new URL(req.url, issuer);
    if (pathname.startsWith('/picture/')) {
      res.setHeader('Content-Type', 'image/svg+xml');
      res.end(picture(pathname));
    } else if (pathname.startsWith('/interaction/')) {
      interact(provider, req, res).catch((err) => {
        console.error(err);
        res.statusCode = 400;
        res.setHeader('Content-Type', 'text/html; charset=utf-8');
        res.end(errorPage(err.message, err.error_description ?? ''));
      });
    } else {
      standard(req, res);
    }
  });
  provider.on('server_error', (_ctx, err) => console.error(err));
  for (const event of ['authorization.error', 'grant.error', 'userinfo.error', 'revocation.error', 'end_session.error']) {
    provider.on(event, (_ctx, err) => console.error(event, err.error, err.error_description, err.error_detail ?? ''));
  }
  for (const event of ['grant.success', 'grant.revoked', 'end_session.success']) {
    provider.on(event, (ctx) => console.log(event, ctx.oidc?.params?.grant_type ?? ''));
  }
  console.log(JSON.stringify({ issuer }));
});

process.stdin.on('end', () => process.exit(0)).resume();
