// Prints keys, good tokens and tricks, made by jose: see tests/jwt_others.rs.
import { createHmac } from 'node:crypto';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';

const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'EdDSA', 'Ed25519'];
const issuer = 'https://idp.example';
const claims = () => ({ scope: 'read' });
const keys = [];
const good = [];
const tricks = [];

const finish = (token, header) => token
  .setProtectedHeader(header)
  .setIssuer(issuer)
  .setAudience('orders')
  .setSubject('alice')
  .setIssuedAt()
  .setExpirationTime('10m');

const pairs = {};
for (const alg of algorithms) {
  const pair = await generateKeyPair(alg, { extractable: true });
  pairs[alg] = pair;
  keys.push({ ...(await exportJWK(pair.publicKey)), alg, use: 'sig', kid: alg });
  good.push({ name: alg, token: await finish(new SignJWT(claims()), { alg, typ: 'at+jwt', kid: alg }).sign(pair.privateKey) });
}

const secret = new TextEncoder().encode('a secret of 64 bytes, which is long enough for all three of them');
const secrets = [];
for (const alg of ['HS256', 'HS384', 'HS512']) {
  secrets.push({ name: alg, token: await finish(new SignJWT(claims()), { alg, typ: 'at+jwt' }).sign(secret) });
}

tricks.push({
  name: 'alg none',
  reason: 'algorithm_refused',
  token: new UnsecuredJWT(claims()).setIssuer(issuer).setAudience('orders').setExpirationTime('10m').encode(),
});

// The public key, which everybody has, as the secret of an HMAC.
const spki = await exportSPKI(pairs.RS256.publicKey);
const b64 = (value) => Buffer.from(value).toString('base64url');
const forge = (header, key) => {
  const now = Math.floor(Date.now() / 1000);
  const signed = `${b64(JSON.stringify(header))}.${b64(JSON.stringify({ iss: issuer, aud: 'orders', exp: now + 600 }))}`;
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
};
tricks.push({ name: 'confusion', reason: 'algorithm_refused', token: forge({ alg: 'HS256', typ: 'at+jwt', kid: 'RS256' }, spki) });
tricks.push({ name: 'confusion, hidden', reason: 'bad_signature', token: forge({ alg: 'RS256', typ: 'at+jwt', kid: 'RS256' }, spki) });

const mallory = await generateKeyPair('ES256', { extractable: true });
const jwk = await exportJWK(mallory.publicKey);
const signed = async (header) => finish(new SignJWT(claims()), { alg: 'ES256', typ: 'at+jwt', ...header }).sign(mallory.privateKey);
tricks.push({ name: 'embedded jwk', reason: 'bad_signature', token: await signed({ kid: 'ES256', jwk }) });
tricks.push({ name: 'embedded jwk without kid', reason: 'bad_signature', token: await signed({ jwk }) });
tricks.push({ name: 'jku', reason: 'unknown_key', token: await signed({ kid: 'mallory', jku: 'https://evil.example/keys' }) });
tricks.push({ name: 'x5u', reason: 'bad_signature', token: await signed({ kid: 'ES256', x5u: 'https://evil.example/cert' }) });
for (const kid of ['../../../dev/null', "x' UNION SELECT 'secret", 'https://evil.example/keys', 'ES256\0', '']) {
  tricks.push({ name: `kid ${JSON.stringify(kid)}`, reason: 'unknown_key', token: await signed({ kid }) });
}
tricks.push({ name: 'another key\'s kid', reason: 'unknown_key', token: await signed({ kid: 'ES384' }) });

console.log(JSON.stringify({ keys, good, secrets, tricks }));
