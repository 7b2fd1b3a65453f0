import type { CliContext } from './context.ts';
import { actOnTaskOrBuild } from './hub-cli/task-or-build.ts';
import { runVerbs, type VerbGroup } from './hub-cli/verbs.ts';

const GROUP: VerbGroup = {
  name: 'rerun',
  summary: 'Run a task or a build again.',
  verbs: [
    {
      word: '',
      summary: 'Run a task that has ended again, or all failed and aborted tasks of a build.',
      examples: [['pwagent rerun 1790000000000456', 'a task or a build, by its id']],
      define: (command) => command.argument('<id>', 'id of a task or of a build'),
      act: (session, _flags, [id = '']) => actOnTaskOrBuild(session, id, 'rerun', 'runs again'),
    },
  ],
};

/** `pwagent rerun ID` */
export function run(args: readonly string[], context: CliContext): Promise<number> {
  return runVerbs(GROUP, args, context);
}
