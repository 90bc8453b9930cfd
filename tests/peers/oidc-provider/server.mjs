// A certified OpenID provider for the tests: in memory, on a free loopback port, with one public native client.
//
//   node server.mjs '{"client_id": "…", "users": [{"sub": "…", "email": "…", "groups": ["…"]}], "token_seconds": 300}'
//
// Prints one JSON line {"issuer": "…"} once it listens, and ends when its standard input does. `login_hint` says who
// signs in; without one, a page asks. Consent is given without asking.
import { createServer } from 'node:http'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { text } from 'node:stream/consumers'
import { Provider } from 'oidc-provider'

const wanted = JSON.parse(process.argv[2])
const users = new Map(wanted.users.map((user) => [user.sub, user]))

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const signingKey = { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: 'peer' }

const server = createServer()
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`
  const provider = new Provider(issuer, {
    clients: [{
      client_id: wanted.client_id,
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      redirect_uris: ['http://127.0.0.1/callback'], // any port: RFC 8252, section 7.3
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      id_token_signed_response_alg: 'ES256',
    }],
    jwks: { keys: [signingKey] },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    claims: { openid: ['sub', 'email', 'email_verified', 'groups'], email: [] },
    scopes: ['openid', 'email', 'groups', 'offline_access'],
    conformIdTokenClaims: false, // claims in the ID token itself
    features: { devInteractions: { enabled: false }, revocation: { enabled: true } },
    pkce: { required: () => true },
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    ttl: { AccessToken: 300, AuthorizationCode: 60, Grant: 43200, IdToken: wanted.token_seconds, Interaction: 60,
      RefreshToken: 43200, Session: 43200 },
    findAccount: (_, sub) => users.has(sub) && {
      accountId: sub,
      claims: () => ({ email_verified: true, ...users.get(sub) }),
    },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  })

  const callback = provider.callback()
  server.on('request', (request, response) => {
    if (!request.url.startsWith('/interaction/')) return callback(request, response)
    return complete(provider, request, response).catch((error) => {
      response.writeHead(500, { 'content-type': 'text/plain' }).end(String(error))
    })
  })
  console.log(JSON.stringify({ issuer }))
})

async function complete(provider, request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response)
  if (prompt.name === 'login') {
    const chosen = request.method === 'POST' ? new URLSearchParams(await text(request)).get('user') : params.login_hint
    if (chosen === undefined) return ask(response)
    const result = users.has(chosen)
      ? { login: { accountId: chosen } }
      : { error: 'access_denied', error_description: 'nobody of that name' }
    return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false })
  }
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id })
  grant.addOIDCScope(params.scope)
  const consent = { grantId: await grant.save() }
  return provider.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true })
}

function ask(response) {
  const buttons = [...users.keys()].map((sub) => `<button name="user" value="${sub}">${sub}</button>`)
  response.writeHead(200, { 'content-type': 'text/html' }).end(`<form method="post">${buttons.join('')}</form>`)
}

process.stdin.on('end', () => process.exit(0)).resume()
