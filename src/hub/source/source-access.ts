import type { BuildView } from '../model.ts';

/** What the heart needs of the source side: where tasks of a build get their work tree from. */
export interface SourceAccess {
  /**
   * `CIRRUS_REPO_CLONE_URL` and the like for a stored work tree, with addresses that expire after `validForMs`; and the
   * secret parts of them, which logs must not show.
   */
  environmentFor(
    build: Pick<BuildView, 'id' | 'branch' | 'revision'> & { readonly treeId: string },
    validForMs: number,
  ): { readonly environment: Readonly<Record<string, string>>; readonly secrets: readonly string[] };
}
