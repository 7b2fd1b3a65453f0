import type { Environment } from '../platform/environment.ts';

/** Variables of the worker that tasks may see: what a shell and common tools need, and nothing that could be a secret. */
const PASSED = new Set(
  [
    'PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TMPDIR TERM',
    'SSL_CERT_FILE SSL_CERT_DIR NODE_EXTRA_CA_CERTS CURL_CA_BUNDLE REQUESTS_CA_BUNDLE',
    'HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY http_proxy https_proxy no_proxy all_proxy',
    'DEVELOPER_DIR SDKROOT JAVA_HOME ANDROID_HOME ANDROID_SDK_ROOT GOROOT GOPATH',
  ]
    .join(' ')
    .split(' '),
);

/**
 * The environment that agents, and so scripts, inherit: known harmless variables of the worker's own, and those that
 * the supervisor's configuration names. A worker's cloud keys stay with the worker.
 */
export function agentEnvironment(own: Environment, passedOn: readonly string[]): Environment {
  const allowed = (name: string) => PASSED.has(name) || name.startsWith('LC_') || passedOn.includes(name);
  return Object.fromEntries(Object.entries(own).filter(([name]) => allowed(name)));
}
