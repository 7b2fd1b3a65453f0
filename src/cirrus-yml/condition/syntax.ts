import { AppError } from '../../lib/errors.ts';

export type BinaryOperator = 'in' | '==' | '!=' | '=~' | '!=~' | '&&' | '||';

/** A parsed condition. `at` is the offset in the condition's text. */
export type Expression =
  | { readonly tag: 'literal'; readonly at: number; readonly value: string }
  | { readonly tag: 'variable'; readonly at: number; readonly name: string }
  | { readonly tag: 'not'; readonly at: number; readonly operand: Expression }
  | { readonly tag: 'call'; readonly at: number; readonly name: string; readonly args: readonly Expression[] }
  | {
      readonly tag: 'binary';
      readonly at: number;
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    };

/** A mistake in a condition; `at` is the offset in its text, told as the 1-based column of the place. */
export function conditionError(at: number, message: string, hint?: string): AppError {
  return new AppError('CONFIG', message, { hint, place: { column: at + 1 } });
}
