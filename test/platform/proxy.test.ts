import { expect, test } from 'bun:test';
import { loopbackExceptions } from '../../src/platform/proxy.ts';

const ALL = '127.0.0.1,localhost,::1';

test.each([
  ['no proxy: nothing changes', { NO_PROXY: 'a' }, {}],
  ['an empty proxy is none', { HTTP_PROXY: '' }, {}],
  ['a proxy', { http_proxy: 'http://p:1' }, { NO_PROXY: ALL, no_proxy: ALL }],
  ['a proxy for gRPC alone', { grpc_proxy: 'http://p:1' }, { NO_PROXY: ALL, no_proxy: ALL }],
  [
    'exceptions are kept',
    { HTTPS_PROXY: 'http://p:1', NO_PROXY: 'x,localhost' },
    { NO_PROXY: 'x,localhost,127.0.0.1,::1', no_proxy: ALL },
  ],
  ['a star excepts everything already', { HTTPS_PROXY: 'http://p:1', no_proxy: '*' }, { NO_PROXY: ALL, no_proxy: '*' }],
])('%s', (_name, env, expected) => {
  expect(loopbackExceptions(env as unknown as Record<string, string>)).toEqual(
    expected as unknown as Record<string, string>,
  );
});
