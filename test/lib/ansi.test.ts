import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { ansiTokens, lastOverwrite, stripAnsi } from '../../src/lib/ansi.ts';

describe('escape sequences', () => {
  test.each([
    ['plain', 'plain'],
    ['\x1b[31mred\x1b[0m', 'red'],
    ['\x1b[38;2;1;2;3mx\x1b[39m', 'x'],
    ['\x1b[2K\x1b[1Ax', 'x'],
    ['\x1b]0;title\x07x', 'x'],
    ['\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\', 'link'],
    ['\x1b(Bx', 'x'],
    ['\x1b7x\x1b8', 'x'],
    ['a\tb\x07\x08c', 'a\tbc'],
    ['cut \x1b[3', 'cut '],
    ['\x1b[?25lx', 'x'],
  ])('%j shows as %j', (line, shown) => {
    expect(stripAnsi(line)).toBe(shown);
  });

  test('colours come with their parameters', () => {
    expect(ansiTokens('a\x1b[1;31mb\x1b[m')).toEqual([
      { kind: 'text', text: 'a' },
      { kind: 'style', params: [1, 31], raw: '\x1b[1;31m' },
      { kind: 'text', text: 'b' },
      { kind: 'style', params: [0], raw: '\x1b[m' },
    ]);
  });

  test('no control character gets through, whatever comes', () => {
    const noise = fc.string({
      unit: fc.constantFrom('\x1b', '[', ']', '3', ';', 'm', 'a', '\x07', '\\', '\r', '\b', 'P'),
    });
    fc.assert(
      fc.property(noise, (text) => {
        expect(stripAnsi(text)).not.toMatch(/[\p{Cc}]/u);
      }),
    );
  });
});

test.each([
  ['10%\r50%\r100%', '100%'],
  ['windows\r', 'windows'],
  ['windows\r\r', 'windows'],
  ['plain', 'plain'],
  ['', ''],
])('%j ends up as %j', (line, shown) => {
  expect(lastOverwrite(line)).toBe(shown);
});
