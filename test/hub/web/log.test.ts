import { describe, expect, test } from 'bun:test';
import { type AnsiStyle, applyStyle, PLAIN, parseLine, presentStyle } from '../../../src/hub/web/ansi-spans.ts';
import {
  appendPiece,
  BLOCK_LINES,
  EMPTY_LOG,
  type InstructionLog,
  MAX_LINES,
  openLine,
} from '../../../src/hub/web/log-buffer.ts';

function append(log: InstructionLog, text: string, replaces = false): InstructionLog {
  return appendPiece(log, { replaces, data: new TextEncoder().encode(text) });
}

function texts(log: InstructionLog): string[] {
  return log.blocks.flat().map(({ spans }) => spans.map(({ text }) => text).join(''));
}

describe('colours', () => {
  test.each([
    [[31], { foreground: 1 }],
    [[97], { foreground: 15 }],
    [[44], { background: 4 }],
    [[100], { background: 8 }],
    [[1, 3, 4, 7], { bold: true, italic: true, underline: true, inverse: true }],
    [[31, 0], {}],
    [[31, 39], {}],
    [[1, 2, 22], { bold: false, dim: false }],
    [[38, 5, 9], { foreground: 9 }],
    [[38, 5, 196], { foreground: 'rgb(255 0 0)' }],
    [[48, 5, 244], { background: 'rgb(128 128 128)' }],
    [[38, 2, 1, 2, 300], { foreground: 'rgb(1 2 255)' }],
    [[38], {}],
    [[999], {}],
  ])('%j', (params, style) => {
    const shown = Object.fromEntries(
      Object.entries(applyStyle(PLAIN, params)).filter(([, value]) => value !== undefined),
    );
    expect(shown as AnsiStyle).toEqual(style);
  });

  test('go on in the next line, and only the last of an overwritten line is left', () => {
    const first = parseLine('\x1b[31mred', PLAIN);
    expect(parseLine('still\x1b[0m not', first.after).spans).toEqual([
      { text: 'still', style: { foreground: 1 } },
      { text: ' not', style: {} },
    ]);
    expect(parseLine('10%\r100%', PLAIN).spans).toEqual([{ text: '100%', style: {} }]);
  });

  test.each([
    [{}, '', {}],
    [{ foreground: 1, bold: true }, 'ansi-bold ansi-f1', {}],
    [{ background: 2 }, 'ansi-on ansi-b2', {}],
    [{ foreground: 'rgb(1 2 3)' }, '', { color: 'rgb(1 2 3)' }],
    [{ inverse: true, foreground: 1 }, 'ansi-on ansi-b1', { color: 'var(--page)' }],
  ])('%j is drawn as %j', (style, className, css) => {
    expect(presentStyle(style)).toEqual({ className, css });
  });
});

describe('a log on the page', () => {
  test('grows by pieces and shows the line that is being written', () => {
    let log = append(EMPTY_LOG, 'one\ntw');
    expect(texts(log)).toEqual(['one']);
    expect(openLine(log)?.spans[0]?.text).toBe('tw');
    log = append(log, 'o\n');
    expect(texts(log)).toEqual(['one', 'two']);
    expect(log.blocks[0]?.map(({ number }) => number)).toEqual([1, 2]);
    expect(openLine(log)).toBeUndefined();
  });

  test('begins anew when the hub says so', () => {
    expect(texts(append(append(EMPTY_LOG, 'old\nhal'), 'new\n', true))).toEqual(['new']);
  });

  test('full blocks stay the same objects, and the beginning of a huge log goes', () => {
    const full = append(EMPTY_LOG, 'x\n'.repeat(BLOCK_LINES));
    const grown = append(full, 'y\n');
    expect(grown.blocks[0]).toEqual(full.blocks[0] ?? []);
    expect(append(grown, 'z\n').blocks[0]).toBe(grown.blocks[0] ?? []);
    const huge = append(EMPTY_LOG, 'x\n'.repeat(MAX_LINES + 3 * BLOCK_LINES));
    expect(huge.blocks.flat()).toHaveLength(MAX_LINES);
    expect(huge.blocks[0]?.[0]?.number).toBe(3 * BLOCK_LINES + 1);
    expect(huge.lineCount).toBe(MAX_LINES + 3 * BLOCK_LINES);
  });
});
