import { printable } from '../lib/printable.ts';
import type { Secret } from '../lib/secret.ts';

/** A change of the machine, decided by a plan and carried out by `perform.ts`. Paths are those of the installed machine. */
export type Step = { readonly why: string } & (
  | { readonly tag: 'folder'; readonly path: string; readonly mode: number }
  | { readonly tag: 'write'; readonly path: string; readonly content: string | Secret; readonly mode: number }
  | { readonly tag: 'copy'; readonly from: string; readonly path: string; readonly mode: number }
  | { readonly tag: 'mode'; readonly path: string; readonly mode: number }
  | { readonly tag: 'link'; readonly path: string; readonly target: string }
  | { readonly tag: 'remove'; readonly path: string }
  | {
      readonly tag: 'run';
      readonly argv: readonly string[];
      /** Its failure is told and changes nothing else. */
      readonly optional?: boolean;
      /** How often it is run, a breath apart, until it succeeds; once when undefined. */
      readonly tries?: number;
    }
  | { readonly tag: 'end'; readonly pid: number; readonly started: string; readonly command: string }
);

/** What will be done, in order, and what the operator should know beside. */
export interface Plan {
  readonly steps: readonly Step[];
  readonly remarks: readonly string[];
}

/** A process may call itself whatever it likes. */
const LONGEST_TEXT = 120;

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

function actionOf(step: Step): string {
  switch (step.tag) {
    case 'folder':
      return `make folder ${step.path} (${octal(step.mode)})`;
    case 'write':
      return `write ${step.path} (${octal(step.mode)})`;
    case 'copy':
      return `copy ${step.from} to ${step.path} (${octal(step.mode)})`;
    case 'mode':
      return `give ${step.path} to root, mode ${octal(step.mode)}`;
    case 'link':
      return `link ${step.path} to ${step.target}`;
    case 'remove':
      return `remove ${printable(step.path, LONGEST_TEXT)}`;
    case 'run':
      return `run ${step.argv.join(' ')}`;
    case 'end':
      return `end process ${step.pid} (${printable(step.command, LONGEST_TEXT)})`;
  }
}

/** One line for people: what is done, and why. Never holds a secret. */
export function describeStep(step: Step): string {
  return `${actionOf(step)}: ${step.why}`;
}
