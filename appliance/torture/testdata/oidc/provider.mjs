// An OpenID Connect provider with one person, for tests: the certified package
// oidc-provider, which the working directory has, with everything in memory. It
// reads its settings as JSON from standard input and says "ready" on standard
// output when it listens.
//
//   port      on 127.0.0.1
//   redirect  where the pages take people back
//   secret    of the client of the pages
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { text } from 'node:stream/consumers';

const find = createRequire(join(process.cwd(), 'here.js'));
const { default: Provider } = await import(pathToFileURL(find.resolve('oidc-provider')).href);

const settings = JSON.parse(await text(process.stdin));
const issuer = `http://127.0.0.1:${settings.port}`;

const person = {
  name: 'Ana Brown',
  preferred_username: 'Ana.Brown',
  email: 'ana@lab.example',
  email_verified: true,
  groups: ['/lab/staff', '/lab/night'],
};

// A program that cannot keep a secret, and shows its user a code.
const device = (id) => ({
  client_id: id,
  application_type: 'native',
  token_endpoint_auth_method: 'none',
  grant_types: ['urn:ietf:params:oauth:grant-type:device_code'],
  response_types: [],
  redirect_uris: [],
});

const provider = new Provider(issuer, {
  clients: [
    { client_id: 'pages', client_secret: settings.secret, redirect_uris: [settings.redirect] },
    device('command'),
    device('stranger'),
  ],
  claims: {
    openid: ['sub'],
    profile: ['name', 'preferred_username'],
    email: ['email', 'email_verified'],
    groups: ['groups'],
  },
  pkce: { required: () => true },
  features: { deviceFlow: { enabled: true }, devInteractions: { enabled: true } },
  cookies: { keys: ['one key for a test'] },
  ttl: { AccessToken: 600, AuthorizationCode: 60, DeviceCode: 600, Grant: 3600, IdToken: 3600, Interaction: 600, Session: 3600 },
  async findAccount(ctx, sub) {
    return sub === 'ana' ? { accountId: sub, claims: async () => ({ sub, ...person }) } : undefined;
  },
});
provider.on('server_error', (ctx, error) => console.error(error));

createServer(provider.callback()).listen(settings.port, '127.0.0.1', () => console.log('ready'));
