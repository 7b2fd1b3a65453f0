import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseConfigFile } from '../../src/lib/config-file.ts';
import { configSchema } from '../../src/supervisor/config-schema.ts';
import { type PresetName, presetOf } from '../../src/supervisor/runner/presets.ts';

const text = readFileSync(resolve(import.meta.dir, '../../docs/runners.md'), 'utf8');
const blocks = [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '');
const schema = configSchema(() => undefined); // the programs are on other machines
const parsed = blocks.map((block, index) => parseConfigFile(block, `docs/runners.md, block ${index}`, schema));

describe('docs/runners.md', () => {
  test('every example is a valid configuration of a command worker', () => {
    expect(parsed.length).toBeGreaterThanOrEqual(7);
    for (const { worker, shutdown } of parsed) expect([worker.mode, shutdown.command]).not.toContain(undefined);
    expect(new Set(parsed.map(({ worker }) => worker.mode))).toEqual(new Set(['command']));
  });

  test('every preset has its example, and its command is the runner that the preset knows', () => {
    const presets: readonly Exclude<PresetName, 'none'>[] = [
      'github-actions',
      'buildkite',
      'gitlab',
      'forgejo',
      'cirrus',
    ];
    for (const name of presets) {
      const commands = parsed.filter(({ worker }) => worker.busy.preset === name).map(({ worker }) => worker.command);
      expect(commands.length).toBeGreaterThan(0);
      if (name === 'github-actions') continue; // its run.sh starts the runner
      for (const command of commands) expect(presetOf(name).shape?.isRunner(command.join(' '))).toBe(true);
    }
  });

  test('the table names the signal that is sent', () => {
    for (const [, name, row] of text.matchAll(/^\| `(github-actions|buildkite|gitlab|forgejo|cirrus)` \|(.*)$/gm)) {
      const { drain } = presetOf(name as PresetName);
      expect(row).toContain(`\`${drain.tag === 'signal' ? drain.signal : ''}\``);
    }
  });
});
