import { describe, expect, test } from 'bun:test';
import { parseAgentFlags } from '../../src/agent/agent-flags.ts';
import { AppError } from '../../src/lib/errors.ts';

const TASK = {
  apiEndpoint: 'https://grpc.cirrus-ci.com:443',
  taskId: '7',
  serverToken: '',
  clientToken: '',
  commandFrom: '',
  commandTo: '',
  workingDirectory: undefined,
};

test.each([
  [['-help'], { tag: 'help' }],
  [['--h'], { tag: 'help' }],
  [['-version', '-task-id', '7'], { tag: 'version' }],
  [['--control'], { tag: 'control' }],
  [['-control=false', '-task-id=7'], { tag: 'task', options: TASK }],
  [['--task-id', '7', 'positional', '-unknown'], { tag: 'task', options: TASK }],
  [
    '-api-endpoint http://h:1 -server-token=s=s -client-token c -task-id 7 -command-from a -command-to b -pre-created-working-dir /w'.split(
      ' ',
    ),
    {
      tag: 'task',
      options: {
        apiEndpoint: 'http://h:1',
        taskId: '7',
        serverToken: 's=s',
        clientToken: 'c',
        commandFrom: 'a',
        commandTo: 'b',
        workingDirectory: '/w',
      },
    },
  ],
])('%j', (args, expected) => {
  expect(parseAgentFlags(args as string[]) as unknown).toEqual(expected);
});

describe('mistakes', () => {
  test.each([
    [['-taskid', '7'], 'unknown option -taskid; did you mean -task-id?'],
    [['-client-token=secret', '-nope=secret'], 'unknown option -nope'],
    [['-task-id'], '-task-id needs a value'],
    [['-version=perhaps'], '-version is "perhaps"'],
    [[], 'there is no task to run'],
  ])('%j', (args, sentence) => {
    let caught: unknown;
    try {
      parseAgentFlags(args);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(AppError);
    const { message, hint, exitCode } = caught as AppError;
    expect(`${message}; ${hint}`).toContain(sentence);
    expect(exitCode).toBe(64);
  });
});
