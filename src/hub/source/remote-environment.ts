import type { Environment } from '../../platform/environment.ts';

/**
 * Settings of git for asking a foreign server, as variables: the token must not be in argv or in a file. No redirect is
 * followed and no other protocol spoken, so that an allowed server cannot send the hub elsewhere; nobody is asked for a
 * password; a server that stalls for half a minute is given up.
 */
export function remoteEnvironment(url: string, token: string | undefined, env: Environment): Environment {
  const { protocol } = new URL(url);
  const settings: [name: string, value: string][] = [
    ['protocol.allow', 'never'],
    [`protocol.${protocol.replace(':', '')}.allow`, 'always'],
    ['http.followRedirects', 'false'],
    ['http.lowSpeedLimit', '100'],
    ['http.lowSpeedTime', '30'],
    ['credential.helper', ''],
    ['core.askPass', ''],
  ];
  if (env.SSL_CERT_FILE) settings.push(['http.sslCAInfo', env.SSL_CERT_FILE]);
  if (token !== undefined) {
    const basic = Buffer.from(`x-access-token:${token}`).toString('base64');
    settings.push([`http.${url}.extraHeader`, `Authorization: Basic ${basic}`]);
  }
  const numbered = settings.flatMap(([name, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, name],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return { GIT_CONFIG_COUNT: String(settings.length), ...Object.fromEntries(numbered) };
}
