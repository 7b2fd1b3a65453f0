/**
 * Makes this process reach `host` directly whatever HTTP_PROXY says: no proxy can know what another machine calls
 * loopback, yet the runtime's `fetch` would ask it.
 */
export function bypassProxy(host: string): void {
  for (const name of ['NO_PROXY', 'no_proxy']) {
    const hosts = (process.env[name] ?? '').split(',').filter((entry) => entry !== '');
    if (!hosts.includes(host) && !hosts.includes('*')) process.env[name] = [...hosts, host].join(',');
  }
}
