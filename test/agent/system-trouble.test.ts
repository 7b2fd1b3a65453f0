import { expect, test } from 'bun:test';
import { systemTrouble } from '../../src/agent/system-trouble.ts';
import { describeError } from '../../src/lib/errors.ts';

const failed = (code: string, more: object = {}) => Object.assign(new Error(code), { code, ...more });

test('a refusal names the file that it is about, where the system tells', () => {
  expect(describeError(systemTrouble(failed('EACCES', { path: '/root/x' })))).toBe(
    'this user may not use /root/x (EACCES); change its mode or owner, or choose another place',
  );
  expect(describeError(systemTrouble(failed('EACCES')))).toContain('the temporary files (EACCES)');
});

test('what is no trouble of the machine is nobody else’s either', () => {
  expect(systemTrouble(failed('ERR_SOMETHING'))).toBeUndefined();
  expect(systemTrouble(new Error('bug'))).toBeUndefined();
});
