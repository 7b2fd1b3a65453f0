/** One line of a family: labels as `name="value",…` (see `labels`), or nothing, and the value. */
export type Sample = readonly [labels: string, value: number];

/** Labels as the text format wants them, values escaped. */
export function labels(values: Readonly<Record<string, string>>): string {
  const escaped = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  return Object.entries(values)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(',');
}

/** A family of samples in Prometheus' text format 0.0.4; nothing for one without samples. */
export function family(name: string, type: 'gauge' | 'counter', help: string, samples: readonly Sample[]): string {
  if (samples.length === 0) return '';
  const lines = samples.map(([tags, value]) => `${name}${tags === '' ? '' : `{${tags}}`} ${value}`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('\n')}\n`;
}

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
