import type { Environment } from './environment.ts';

const LOOPBACK = ['127.0.0.1', 'localhost', '::1'];
const PROXY_VARIABLE = /^(https?|all|grpc)_proxy$/i;

/**
 * The variables to set so that loopback addresses are reached directly whatever proxy `env` names: no proxy can know
 * what another machine calls loopback, yet most clients would ask it. Empty where no proxy is named.
 */
export function loopbackExceptions(env: Environment): Environment {
  const hasProxy = Object.entries(env).some(([name, value]) => PROXY_VARIABLE.test(name) && value !== '');
  if (!hasProxy) return {};
  const extend = (name: string): [string, string] => {
    const hosts = (env[name] ?? '').split(',').filter((host) => host !== '');
    const missing = hosts.includes('*') ? [] : LOOPBACK.filter((host) => !hosts.includes(host));
    return [name, [...hosts, ...missing].join(',')];
  };
  return Object.fromEntries(['NO_PROXY', 'no_proxy'].map(extend));
}

/** Applies `loopbackExceptions` to this process and so to all that it starts. Called once, before anything connects. */
export function exemptLoopbackFromProxy(env: Environment): Environment {
  const exceptions = loopbackExceptions(env);
  Object.assign(process.env, exceptions);
  return { ...env, ...exceptions };
}
