import type { Problem } from './problem.ts';

function escapeText(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeText(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

/** A problem as a workflow command of GitHub Actions, which shows it beside the line. Ends with a line end. */
export function formatAnnotation({ severity, line, column, message, hint, used }: Problem, file: string): string {
  const places = (used ?? []).map((place) => `used at ${file}:${place.line}:${place.column}`);
  const text = [hint === undefined ? message : `${message}; ${hint}`, ...places].join('\n');
  return `::${severity} file=${escapeProperty(file)},line=${line},col=${column}::${escapeText(text)}\n`;
}
