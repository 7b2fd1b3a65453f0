import type { StatusName } from '../model.ts';
import { lookOf } from './view-text.ts';

/** A coloured dot; the word is there for those who do not see it. */
export function StatusDot({ status }: { status: StatusName }) {
  const { tone, word } = lookOf(status);
  return <span class={`dot ${tone}`} role="img" aria-label={word} title={word} />;
}

/** Dot and word together. */
export function StatusBadge({ status }: { status: StatusName }) {
  const { tone, word } = lookOf(status);
  return <span class={`badge ${tone}`}>{word}</span>;
}
