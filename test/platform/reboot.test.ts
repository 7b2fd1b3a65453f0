import { describe, expect, test } from 'bun:test';
import { grantArmed } from '../../src/platform/armed.ts';
import { powerOffBySyscall, powerOffCommand, type RebootCall } from '../../src/platform/reboot.ts';

/** Stands in for the library in every test of this file: the real call is never loaded. */
function fakeReboot(result: number): { readonly load: () => RebootCall; readonly calls: number[] } {
  const calls: number[] = [];
  const call = (command: number) => {
    calls.push(command);
    return result;
  };
  return { load: () => call, calls };
}

test('the numbers of the system call, from <linux/reboot.h> and <sys/reboot.h>', () => {
  expect(['linux', 'darwin', 'win32'].map(powerOffCommand)).toEqual([0x4321fedc, 0x08, undefined]);
});

describe('the system call', () => {
  test('without the permit nothing is even loaded', () => {
    const { load, calls } = fakeReboot(0);
    const lookAlike = { instanceId: 'i-0123456789abcdef0' };
    expect(() => powerOffBySyscall(lookAlike, 'linux', load)).toThrow('not armed');
    expect(() => powerOffBySyscall({ ...grantArmed('i-1') }, 'linux', load)).toThrow('not armed');
    expect(calls).toEqual([]);
  });

  test.each([
    ['linux', 0, null, [0x4321fedc]],
    ['darwin', 0, null, [0x08]],
    ['linux', -1, 'the kernel refused reboot(2)', [0x4321fedc]],
    ['win32', 0, 'no power-off call is known for win32', []],
  ] as const)('with it, on %s, the kernel answering %p', (platform, result, told, made) => {
    const { load, calls } = fakeReboot(result);
    expect(powerOffBySyscall(grantArmed('i-1'), platform, load)).toBe(told);
    expect(calls).toEqual([...made]);
  });
});
