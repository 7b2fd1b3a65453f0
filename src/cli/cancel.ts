import type { CliContext } from './context.ts';
import { actOnTaskOrBuild } from './hub-cli/task-or-build.ts';
import { runVerbs, type VerbGroup } from './hub-cli/verbs.ts';

const GROUP: VerbGroup = {
  name: 'cancel',
  summary: 'Cancel a task or a build.',
  verbs: [
    {
      word: '',
      summary: 'Cancel a task, or all tasks of a build that have not ended. A task that runs is told to stop.',
      examples: [['pwagent cancel 1790000000000456', 'a task or a build, by its id']],
      define: (command) => command.argument('<id>', 'id of a task or of a build'),
      act: (session, _flags, [id = '']) => actOnTaskOrBuild(session, id, 'cancel', 'is cancelled'),
    },
  ],
};

/** `pwagent cancel ID` */
export function run(args: readonly string[], context: CliContext): Promise<number> {
  return runVerbs(GROUP, args, context);
}
