// An OpenID provider for the tests: `node provider.mjs PORT KEYS`. It signs access tokens for the resource
// `urn:orders:ALG` with ALG, keeps its keys in the file KEYS, and makes new ones upon `POST /rotate`.
import { createServer } from 'node:http';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { exportJWK, generateKeyPair } from 'jose';
import Provider from 'oidc-provider';

const [port, file] = process.argv.slice(2);
const algorithms = ['RS256', 'ES256', 'PS256', 'Ed25519'];

async function makeKeys() {
  return Promise.all(algorithms.map(async (alg) => {
    const { privateKey } = await generateKeyPair(alg, { extractable: true });
    return { ...(await exportJWK(privateKey)), alg, use: 'sig', kid: `${alg}-${Date.now()}` };
  }));
}

let keys = existsSync(file) ? JSON.parse(readFileSync(file)) : await makeKeys();
let handle;

const server = createServer((request, response) => {
  if (request.method === 'POST' && request.url === '/rotate') {
    makeKeys().then((made) => {
      keys = [...made, ...keys];
      start();
      response.end('rotated\n');
    });
    return;
  }
  handle(request, response);
});

function start() {
  writeFileSync(file, JSON.stringify(keys));
  const provider = new Provider(`http://127.0.0.1:${server.address().port}`, {
    clients: [{
      client_id: 'shop',
      client_secret: 'not-much-of-a-secret',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    }],
    enabledJWA: { idTokenSigningAlgValues: algorithms },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource) => ({
          accessTokenFormat: 'jwt',
          audience: 'orders',
          jwt: { sign: { alg: resource.split(':').pop() } },
          scope: 'read write',
        }),
      },
    },
    jwks: { keys },
  });
  handle = provider.callback();
}

server.listen(Number(port), '127.0.0.1', () => {
  start();
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
