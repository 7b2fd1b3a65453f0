import { describe, expect, test } from 'bun:test';
import { bearerToken, isLoopbackHost, refusalOf } from '../../../src/hub/http/access.ts';

const OK = undefined;

describe('who may do what', () => {
  const local = { listensOnLoopback: true, host: '127.0.0.1:7480' };
  const remote = { listensOnLoopback: false, host: 'hub.example' };
  const none = { hasToken: false, role: undefined, ofPool: false };
  const wrong = { hasToken: true, role: undefined, ofPool: false };
  const machine = { hasToken: true, role: undefined, ofPool: true };
  const as = (role: 'admin' | 'submit' | 'read') => ({ hasToken: true, role, ofPool: false });
  test.each([
    ['local read', { need: 'read', ...none, ...local }, OK],
    ['local read by name', { need: 'read', ...none, ...local, host: 'localhost:1' }, OK],
    ['rebound name', { need: 'read', ...none, ...local, host: 'evil.example:7480' }, 401],
    ['rebound name with a token', { need: 'read', ...as('read'), ...local, host: 'evil.example' }, OK],
    ['loopback name on an open hub', { need: 'read', ...none, ...remote, host: 'localhost' }, 401],
    ['remote read', { need: 'read', ...none, ...remote }, 401],
    ['remote read with a token', { need: 'read', ...as('read'), ...remote }, OK],
    ['wrong token, even where none is needed', { need: 'read', ...wrong, ...local }, 401],
    ['local write', { need: 'submit', ...none, ...local }, 401],
    ['wrong token to write', { need: 'submit', ...wrong, ...local }, 401],
    ['reader writes', { need: 'submit', ...as('read'), ...local }, 403],
    ['submitter writes', { need: 'submit', ...as('submit'), ...remote }, OK],
    ['a machine of the pool reports', { need: 'report', ...machine, ...remote }, OK],
    ['a machine of the pool starts builds', { need: 'submit', ...machine, ...remote }, 401],
    ['a reader reports', { need: 'report', ...as('read'), ...local }, 401],
    ['nobody reports', { need: 'report', ...none, ...local }, 401],
    ['an admin reports', { need: 'report', ...as('admin'), ...remote }, OK],
    ['submitter administers', { need: 'admin', ...as('submit'), ...remote }, 403],
    ['reader administers', { need: 'admin', ...as('read'), ...local }, 403],
    ['nobody administers, even from the same machine', { need: 'admin', ...none, ...local }, 401],
    ['admin administers', { need: 'admin', ...as('admin'), ...remote }, OK],
    ['admin writes', { need: 'submit', ...as('admin'), ...remote }, OK],
  ] as const)('%s', (_title, question, status) => {
    expect(refusalOf(question)?.status).toBe(status as 401 | undefined);
  });
});

test.each([
  ['127.0.0.1', true],
  ['127.9.8.7:80', true],
  ['LOCALHOST:7480', true],
  ['[::1]:7480', true],
  ['::1', true],
  ['0.0.0.0', false],
  ['localhost.evil.example', false],
  ['127.0.0.1.evil.example', false],
  ['192.168.0.1', false],
  ['', false],
])('%s is this machine: %p', (host, expected) => {
  expect(isLoopbackHost(host)).toBe(expected);
});

test.each([
  [undefined, undefined],
  ['Bearer abc', 'abc'],
  ['bearer  abc ', 'abc'],
  ['Basic abc', ''],
  ['Bearer', ''],
  ['Bearer a b', ''],
])('header %j holds the token %j', (header, token) => {
  expect(bearerToken(header)).toBe(token as string);
});
