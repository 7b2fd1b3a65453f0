/** One piece of a component: a character as it is, any one of a class, any one, or any run of them. */
export type Token =
  | { readonly tag: 'character'; readonly character: string }
  | { readonly tag: 'class'; readonly expression: RegExp }
  | { readonly tag: 'any' }
  | { readonly tag: 'run' };

function fits(token: Token | undefined, character: string): boolean {
  if (token === undefined || token.tag === 'run') return false;
  if (token.tag === 'any') return true;
  return token.tag === 'class' ? token.expression.test(character) : token.character === character;
}

/**
 * Whether the tokens match all of `name`. Takes at most the product of both lengths: after a mismatch, the newest run
 * alone swallows one more character, since what an earlier one could swallow the newest can too.
 */
export function matchesTokens(tokens: readonly Token[], name: string): boolean {
  const characters = [...name];
  let token = 0;
  let at = 0;
  let run: { readonly token: number; at: number } | undefined;
  while (at < characters.length) {
    if (fits(tokens[token], characters[at] ?? '')) {
      token += 1;
      at += 1;
    } else if (tokens[token]?.tag === 'run') {
      run = { token, at };
      token += 1;
    } else if (run !== undefined) {
      run.at += 1;
      at = run.at;
      token = run.token + 1;
    } else return false;
  }
  return tokens.slice(token).every(({ tag }) => tag === 'run');
}
