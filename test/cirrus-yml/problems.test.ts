import { describe, expect, test } from 'bun:test';
import { parseConfiguration } from '../../src/cirrus-yml/parse-configuration.ts';

const PW = 'persistent_worker: {}';

function problemsOf(text: string, environment: Readonly<Record<string, string>> = {}): string[] {
  return parseConfiguration({ text, environment }).problems.map(
    ({ severity, line, column, message, hint }) =>
      `${line}:${column} ${severity}: ${message}${hint === undefined ? '' : `; ${hint}`}`,
  );
}

/** A task on a worker with one more line, at line 3. */
function withLine(line: string): string {
  return `task:\n  ${PW}\n  ${line}\n`;
}

const ERRORS: readonly (readonly [string, string, readonly string[]])[] = [
  ['an open bracket', 'task:\n  script: [a\n', ['2:11 error: this bracket is not closed']],
  ['an open quote', 'task:\n  script: "a\n', ['2:11 error: this quote is not closed']],
  ['a tab', 'task:\n\tscript: a\n', ['2:1 error: a tab is used for indentation; YAML wants spaces']],
  [
    'a line that ends the file too early is told once',
    ' task:\n  script: a\nx_task:\n  script: b\n',
    ['3:1 error: this line belongs to nothing before it; check its indentation and that of the lines before'],
  ],
  [
    'text behind the sign of a block',
    'task:\n  script: | make\n',
    ['2:13 error: text follows "|" or ">" on the same line; begin it on the next line, or quote the whole value'],
  ],
  [
    'a comment without a space',
    'task:\n  env: {A: b}# x\n',
    ['2:14 error: a space is missing before this "#"; if it begins no comment, put the whole value in quotes'],
  ],
  [
    'a missing comma',
    'task:\n  env: {A: b C: d}\n',
    ['2:12 error: keys inside brackets are separated by commas; is a comma missing before this?'],
  ],
  [
    'a missing comma behind a quote',
    'task: {env: {A: "b" C: d}}\n',
    ['1:21 error: this cannot stand here; is a comma missing before it? otherwise put the whole value in quotes'],
  ],
  [
    'a star alone',
    'task:\n  script: *\n',
    ['2:11 error: a name must follow this character; put the whole value in quotes'],
  ],
  [
    'a tag without a space',
    'task:\n  env: {A: !x"b"}\n',
    ['2:14 error: a space is missing after this tag or anchor; put the whole value in quotes'],
  ],
  [
    'a list on the line of its anchor',
    '&a - b\n',
    ['1:1 error: a list cannot begin on the line of its key; begin it on the next line'],
  ],
  [
    'one tab, and not what is misread after it',
    'task:\n  a_cache:\n\tfolder: b\n    fingerprint_script: c\n  x_script: d\nother_task:\n    a: 1\n  b: 2\n',
    [
      '3:1 error: a tab is used for indentation; YAML wants spaces',
      '8:3 error: the indentation does not fit the lines before; align it with its neighbours',
    ],
  ],
  [
    'no key is suggested that does not exist',
    'task:\n  persistent_worker: {isolation: {tart: {image: a, mount_from_host: b}}}\n',
    [
      '2:52 warning: unknown key "mount_from_host" in the isolation "tart"; known keys: image, user, password, port, cpu, memory, softnet, display, volumes',
    ],
  ],
  [
    'an alias with a slip in it',
    `x: &retry {}\ntask:\n  ${PW}\n  <<: *rety\n`,
    [
      '1:4 warning: the anchor &retry is never used; remove it, or check its name',
      '4:7 error: there is no anchor &rety before this alias; did you mean *retry?',
    ],
  ],
  [
    'a wrong indentation',
    'task:\n    a: 1\n  b: 2\n',
    ['3:3 error: the indentation does not fit the lines before; align it with its neighbours'],
  ],
  [
    'two colons',
    withLine('script: echo a: b'),
    ['3:11 error: a second colon follows on the same line; put the value in quotes if the colon belongs to it'],
  ],
  [
    'a missing colon',
    'task:\n  script\n  x: y\n',
    ['2:3 error: a key must stand on one line, followed by a colon; is a colon missing here?'],
  ],
  [
    'a missing colon after the last key',
    'task: {persistent_worker: {}}\nother',
    ['2:1 error: a colon is missing after this key'],
  ],
  [
    'a reserved character',
    withLine('script: @x'),
    ['3:11 error: a value cannot begin with this character; put the whole value in quotes'],
  ],
  [
    'a wrong escape',
    withLine('script: "\\q"'),
    ['3:12 error: this backslash sequence has no meaning in double quotes; use single quotes'],
  ],
  [
    'a list on the line of its key',
    withLine('script: - a'),
    ['3:11 error: a list cannot begin on the line of its key; begin it on the next line'],
  ],
  [
    'text behind the closing quote',
    withLine("script: 'it's'"),
    ['3:15 error: something follows the end of this value; put the whole value in quotes'],
  ],
  [
    'a stray bracket',
    withLine('script: ]'),
    ['3:11 error: this bracket or comma closes nothing; put the whole value in quotes'],
  ],
  [
    'an unknown anchor',
    'task: {persistent_worker: {}, <<: *nope}\n',
    ['1:35 error: there is no anchor &nope before this alias; write &nope in front of the value to repeat'],
  ],
  ['an alias of itself', 'a: &a [*a]\n', ['1:8 error: the alias *a contains itself']],
  ['a key that is a number', withLine('env: {1: x}'), ['3:9 error: the key "1" is not text; put it in quotes']],
  [
    'a key that is a date',
    withLine('env: {2024-01-01: x}'),
    ['3:9 error: the key "2024-01-01" is not text; put it in quotes'],
  ],
  ['a key that is a list', withLine('env: {[a]: x}'), ['3:9 error: the key is not text']],
  [
    'merged text',
    'x: &x text\ntask: {persistent_worker: {}, <<: *x}\n',
    ['2:31 error: "<<" merges text; give it an alias of a map, such as <<: *defaults'],
  ],
  [
    'a merged list with text in it',
    'task: {persistent_worker: {}, <<: [a]}\n',
    ['1:36 error: "<<" merges a list that holds something else than maps'],
  ],
  [
    'a list that takes the place of a map',
    'x: &x [{a: b}]\ntask: {persistent_worker: {}, matrix: {y: z, <<: *x}}\n',
    [
      '1:9 warning: unknown key "a" in a task; known keys: name, alias, depends_on, environment, env, container, arm_container, windows_container, macos_instance, persistent_worker, skip, allow_failures, timeout_in, only_if, background_script, script, cache, artifacts, file, upload_caches, always, on_success, on_failure, on_timeout',
      '2:40 warning: "y" is lost: the list merged by "<<" takes the place of the whole map',
    ],
  ],
  [
    'a second document',
    'task: {persistent_worker: {}}\n---\nx: y\n',
    ['2:1 warning: a second YAML document is not read; keep one document in the file'],
  ],
  [
    'a list at the root',
    '- a\n',
    [
      '1:1 error: the file must be a map of tasks and settings, not a list; begin with a task, for example "task:" and below it "  script: make test"',
    ],
  ],
  [
    'text at the root',
    'hello\n',
    [
      '1:1 error: the file must be a map of tasks and settings, not text; begin with a task, for example "task:" and below it "  script: make test"',
    ],
  ],
  [
    'a slip at the root',
    'persistant_worker: {}\n',
    ['1:1 warning: "persistant_worker" defines nothing at the root of the file; did you mean "persistent_worker"?'],
  ],
  [
    'a script at the root',
    'make_script: make\n',
    [
      '1:1 warning: "make_script" defines nothing at the root of the file; a task ends in "_task"; a template needs an anchor',
    ],
  ],
  [
    'a task that begins with task_',
    'task_lint: {persistent_worker: {}}\n',
    ['1:1 warning: "task_lint" begins with "task_", but tasks end in "_task"; write "lint_task"'],
  ],
  [
    'a task that is a text',
    'task: make\n',
    ['1:1 error: the task "task" must be a map, not text; add persistent_worker and a script'],
  ],
  [
    'a task that is empty',
    'task:\n',
    [
      '1:1 error: the task "main" does not say where to run; add persistent_worker: {} for any worker, with labels for a particular one',
    ],
  ],
  [
    'a pipe without steps',
    'x_pipe: {resources: {cpu: 1}}\n',
    ['1:1 error: the pipe "x" has no "steps"; add a list of steps, each with an image'],
  ],
  [
    'a pipe that is a text',
    'x_pipe: a\n',
    ['1:1 error: the pipe "x_pipe" must be a map, not text; write its keys below it'],
  ],
  ['steps of text', 'pipe: {steps: a}\n', ['1:8 error: "steps" must be a list of steps, not text']],
  ['a step of text', 'pipe: {steps: [a]}\n', ['1:16 error: a step must be a map; write image: NAME and a script']],
  [
    'a step without image and instruction',
    'pipe:\n  steps:\n    - {}\n',
    ['3:7 error: the step has no "image"; add image: NAME', '3:7 error: the step has no instruction; add a script'],
  ],
  [
    'a script directly in a pipe',
    'pipe:\n  script: x\n  steps: [{image: a, script: y}]\n',
    ['2:3 warning: "script" stands directly in a pipe and is not run; move it into a step'],
  ],
  [
    'an unknown key of a step',
    'pipe: {steps: [{imge: b, image: a, script: y}]}\n',
    ['1:17 warning: unknown key "imge" in a step; did you mean "image"?'],
  ],
  [
    'resources of a pipe as text',
    'pipe: {resources: a, steps: [{image: a, script: y}]}\n',
    ['1:8 error: "resources" must be a map, not text'],
  ],
  [
    'an unknown platform of a builder',
    'docker_builder: {platform: beos}\n',
    ['1:18 error: platform: "beos" is not a platform; write linux, darwin or windows'],
  ],
  [
    'a slip in a builder',
    'docker_builder: {os_versoin: 1}\n',
    ['1:18 warning: unknown key "os_versoin" in a docker_builder; did you mean "os_version"?'],
  ],
  [
    'a matrix at the root',
    'matrix: [{a: b}]\n',
    ['1:1 error: a matrix stands outside of any task; move it into a task'],
  ],
  [
    'a matrix in the defaults',
    'env: {matrix: {A: 1, A: 2}}\n',
    ['1:7 error: a matrix stands outside of any task; move it into a task'],
  ],
  [
    'a matrix of text',
    withLine('matrix: a'),
    ['3:3 error: a matrix must be a map or a list of maps; write one variant for each item'],
  ],
  [
    'a matrix item of text',
    withLine('matrix: [a, {name: b}]'),
    ['3:12 error: a variant of a matrix must be a map; write what it adds as "key: value"'],
  ],
  [
    'an empty matrix',
    withLine('matrix: []'),
    ['3:3 error: a matrix without variants leaves no task; add a variant or remove the key'],
  ],
  [
    'no instance',
    'task: {script: x}\n',
    [
      '1:1 error: the task "main" does not say where to run; add persistent_worker: {} for any worker, with labels for a particular one',
    ],
  ],
  [
    'a container without image',
    'task:\n  container: {cpu: 1}\n',
    ['2:3 warning: "container" has neither an image nor a Dockerfile; add image: NAME'],
  ],
  [
    'a container of text',
    'task:\n  container: debian\n',
    [
      '2:3 error: "container" must be a map, not text',
      '2:3 warning: "container" has neither an image nor a Dockerfile; add image: NAME',
    ],
  ],
  [
    'processors of a container in words',
    'task:\n  container: {image: a, cpu: abc}\n',
    ['2:25 error: cpu: "abc" is not an amount; write a number such as 1 or 0.5'],
  ],
  [
    'negative processors of a container',
    'task:\n  container: {image: a, cpu: -1}\n',
    ['2:25 error: cpu: "-1" is not an amount; write a number such as 1 or 0.5'],
  ],
  [
    'an additional container of text',
    'task:\n  container: {image: a, additional_containers: [b]}\n',
    ['2:49 error: an additional container must be a map; write name: NAME and image: IMAGE'],
  ],
  [
    'additional containers as a map',
    'task:\n  container: {image: a, additional_containers: {}}\n',
    ['2:25 error: "additional_containers" must be a list of maps, not a map'],
  ],
  [
    'an additional container without image',
    'task:\n  container: {image: a, additional_containers: [{name: b}]}\n',
    ['2:49 error: the additional container has no "image"; add image: NAME'],
  ],
  [
    'a name that a container cannot have',
    'task:\n  container: {image: a, additional_containers: [{name: b-1, image: c}]}\n',
    ['2:49 error: "b-1" cannot name an additional container; write letters only'],
  ],
  [
    'a name that is taken',
    'task:\n  container: {image: a, additional_containers: [{name: main, image: c}]}\n',
    ['2:49 error: an additional container cannot be named "main"; the container of the task is called so'],
  ],
  [
    'port and ports',
    'task:\n  container: {image: a, additional_containers: [{name: b, image: c, port: 1, ports: [2]}]}\n',
    ['2:49 error: the additional container has both "port" and "ports"; write one of them'],
  ],
  [
    'a port in words',
    'task:\n  container: {image: a, additional_containers: [{name: b, image: c, port: "1:x"}]}\n',
    ['2:69 error: "1:x" is not a port; write PORT or HOST_PORT:CONTAINER_PORT'],
  ],
  [
    'a port that no machine has',
    'task:\n  container: {image: a, additional_containers: [{name: b, image: c, ports: [65536]}]}\n',
    ['2:77 error: "65536" is not a port; write PORT or HOST_PORT:CONTAINER_PORT'],
  ],
  [
    'a command with an open quote',
    'task:\n  container: {image: a, additional_containers: [{name: b, image: c, command: "a \'b"}]}\n',
    ['2:69 error: "command" has a quote that is not closed'],
  ],
  [
    'half a processor of a Mac',
    'task: {macos_instance: {image: a, cpu: 0.5}}\n',
    ['1:35 error: cpu: "0.5" is not a whole number up to 65535'],
  ],
  [
    'a worker of text',
    'task: {persistent_worker: linux}\n',
    ['1:8 error: "persistent_worker" must be a map, not text'],
  ],
  [
    'an empty worker that drops inherited labels',
    'persistent_worker: {labels: {os: linux}}\ntask:\n  persistent_worker:\n',
    ['3:3 warning: an empty "persistent_worker" drops the labels of the root; write {} to keep them'],
  ],
  [
    'a slip in the name of an instruction',
    withLine('lint_scirpt: make'),
    ['3:3 warning: unknown key "lint_scirpt" in a task; did you mean "lint_script"?'],
  ],
  [
    'an unknown key of a worker',
    'task: {persistent_worker: {lables: {os: linux}}}\n',
    ['1:28 warning: unknown key "lables" in "persistent_worker"; did you mean "labels"?'],
  ],
  [
    'labels of text',
    'a_task: {persistent_worker: {labels: foo}}\n',
    ['1:30 error: "labels" must be a map, or a list of maps, not text'],
  ],
  [
    'a label of a map',
    'a_task: {persistent_worker: {labels: {os: {a: b}}}}\n',
    ['1:39 error: "os" must be text or a list of texts, not a map'],
  ],
  [
    'a resource of text',
    'a_task: {persistent_worker: {resources: {gpu: lots}}}\n',
    ['1:42 error: gpu: "lots" is not an amount; write a number such as 1 or 0.5'],
  ],
  [
    'a negative resource',
    'a_task: {persistent_worker: {resources: {gpu: -1}}}\n',
    ['1:42 error: gpu: "-1" is not an amount; write a number such as 1 or 0.5'],
  ],
  [
    'resources as a list',
    'a_task: {persistent_worker: {resources: [gpu]}}\n',
    ['1:30 error: "resources" must be a map of amounts, not a list'],
  ],
  [
    'an unknown isolation',
    'a_task: {persistent_worker: {isolation: {tarrt: {image: a}}}}\n',
    ['1:42 error: there is no isolation "tarrt"; did you mean "tart"?'],
  ],
  [
    'an empty isolation',
    'a_task: {persistent_worker: {isolation: {}}}\n',
    ['1:30 error: "isolation" names no type; write one of none, container, tart, vetu, parallels, or leave it out'],
  ],
  [
    'an isolation of text',
    'a_task: {persistent_worker: {isolation: none}}\n',
    ['1:30 error: "isolation" must be a map with one of none, container, tart, vetu, parallels, not text'],
  ],
  [
    'an isolation without image',
    'a_task: {persistent_worker: {isolation: {tart: {}}}}\n',
    ['1:42 error: the isolation "tart" has no image; add image: NAME'],
  ],
  [
    'half a processor for a machine',
    'a_task: {persistent_worker: {isolation: {tart: {image: a, cpu: 2.5}}}}\n',
    ['1:59 error: cpu: "2.5" is not a whole number'],
  ],
  [
    'a port that is too large',
    'a_task: {persistent_worker: {isolation: {vetu: {image: a, port: 65536}}}}\n',
    ['1:59 error: port: "65536" is not a whole number up to 65535'],
  ],
  [
    'memory in terabytes',
    'a_task: {persistent_worker: {isolation: {tart: {image: a, memory: 1T}}}}\n',
    ['1:59 error: memory: "1T" is not an amount of memory; write it like 8G or 512Mb'],
  ],
  [
    'a volume without source',
    'a_task: {persistent_worker: {isolation: {tart: {image: a, volumes: [{name: n}]}}}}\n',
    ['1:69 error: the volume has no "source"; add source: FOLDER'],
  ],
  [
    'a volume of one part',
    'a_task: {persistent_worker: {isolation: {container: {image: a, volumes: ["/a"]}}}}\n',
    ['1:64 error: "/a" is not a volume; write SOURCE:TARGET or SOURCE:TARGET:ro'],
  ],
  [
    'a volume that is written to',
    'a_task: {persistent_worker: {isolation: {container: {image: a, volumes: ["/a:/b:rw"]}}}}\n',
    ['1:64 error: "/a:/b:rw" is not a volume; write SOURCE:TARGET or SOURCE:TARGET:ro'],
  ],
  [
    'a Dockerfile for an unknown processor',
    'a_task: {persistent_worker: {isolation: {container: {dockerfile: D}}}}\n',
    [
      '1:54 error: a Dockerfile here needs the variable CIRRUS_ARCH; add CIRRUS_ARCH: arm64 or CIRRUS_ARCH: amd64 to env',
    ],
  ],
  [
    'bridged networking',
    'a_task: {persistent_worker: {isolation: {vetu: {image: a, networking: {bridged: {}}}}}}\n',
    ['1:59 error: "networking" knows the kind "host" only; write networking: {host: {}}, or leave it out'],
  ],
  [
    'an unknown platform',
    'a_task: {persistent_worker: {isolation: {parallels: {image: a, platform: beos}}}}\n',
    ['1:64 error: platform: "beos" is not a platform; write linux, darwin or windows'],
  ],
  [
    'a duration in days',
    withLine('timeout_in: 1d'),
    [
      '3:3 error: timeout_in: "1d" is not a time limit; write minutes as a bare number, or a number with one unit: 90s, 30m, 2h',
    ],
  ],
  [
    'two units',
    withLine('timeout_in: 1h30m'),
    [
      '3:3 error: timeout_in: "1h30m" is not a time limit; write minutes as a bare number, or a number with one unit: 90s, 30m, 2h',
    ],
  ],
  [
    'an empty duration',
    withLine('timeout_in:'),
    [
      '3:3 error: timeout_in: "" is not a time limit; write minutes as a bare number, or a number with one unit: 90s, 30m, 2h',
    ],
  ],
  ['a name that is a list', withLine('name: [a]'), ['3:3 error: "name" must be text, not a list']],
  ['a variable of a map', withLine('env: {A: {B: C}}'), ['3:9 error: "A" must be text or a list of texts, not a map']],
  ['an empty env', withLine('env:'), ['3:3 error: "env" must be a map, or a list of maps, not nothing']],
  ['env as a list of texts', withLine('env: [A=1]'), ['3:3 error: "env" must be a map, or a list of maps, not text']],
  [
    'variables without end',
    withLine('env: {A: $A$A$A$A$A$A}\n  name: $A$A$A'),
    ['4:3 error: the variables in this value expand without end; let no variable mention itself'],
  ],
  ['an unknown key', withLine('scirpt: make'), ['3:3 warning: unknown key "scirpt" in a task; did you mean "script"?']],
  [
    'an unknown key without a neighbour',
    withLine('zzzzzzzzzz: make'),
    [
      '3:3 warning: unknown key "zzzzzzzzzz" in a task; known keys: name, alias, depends_on, environment, env, container, arm_container, windows_container, macos_instance, persistent_worker, skip, allow_failures, timeout_in, only_if, background_script, script, cache, artifacts, file, upload_caches, always, on_success, on_failure, on_timeout',
    ],
  ],
  [
    'a service field',
    withLine('skip_notifications: true'),
    ['3:3 warning: "skip_notifications" was a matter of the hosted service and changes nothing here'],
  ],
  [
    'a key written twice',
    withLine('script: a\n  script: b'),
    ['3:3 warning: "script" is written again below, and only the last one counts'],
  ],
  [
    'a condition that is no truth value',
    withLine('allow_failures: yes'),
    ['3:19 error: allow_failures: "yes" is not a truth value; write true'],
  ],
  ['an empty condition', withLine('skip:'), ['3:3 error: "skip" is empty; write true, false or a condition']],
  [
    'a condition that YAML takes for a tag',
    withLine("only_if: !changesInclude('*.md')"),
    ['3:3 error: "only_if" begins with "!", which YAML takes for a tag; put the whole condition in quotes'],
  ],
  [
    'an unknown word in a condition',
    withLine('only_if: $BRANCH == main'),
    [
      '3:23 error: only_if: the word "main" means nothing in a condition; write true or false, \'main\' for the text, or $main for the variable',
    ],
  ],
  [
    'a lone equals sign',
    withLine("only_if: $BRANCH = 'main'"),
    ['3:20 error: only_if: a single "=" compares nothing; write "=="'],
  ],
  ['an unclosed condition', withLine("only_if: ($A == 'b'"), ['3:12 error: only_if: this bracket is not closed']],
  [
    'a variable as a truth value',
    withLine('skip: $UNSET'),
    ["3:9 error: skip: $UNSET is empty, which is neither true nor false; compare it, for example $UNSET != ''"],
  ],
  [
    'a broken pattern',
    withLine("skip: \"'a' =~ '('\""),
    ['3:17 error: skip: the pattern is not a regular expression: a bracket is not closed'],
  ],
  [
    'a broken glob',
    withLine('skip: "changesInclude(\'[\')"'),
    ['3:25 error: skip: "[" is not a path pattern: a "[" is not closed'],
  ],
  [
    'a glob without a pattern',
    withLine('skip: changesInclude()'),
    ['3:24 error: skip: a value is expected before ")"'],
  ],
  [
    'a script of a map',
    withLine('x_script: {a: b}'),
    ['3:3 error: "x_script" must be text or a list of texts, not a map'],
  ],
  [
    'a list in a script',
    withLine('script:\n    - [a]'),
    [
      '4:7 error: a line of "script" must be text, not a list; put the line in quotes, or the whole script into a block that begins with "|"',
    ],
  ],
  ['a cache of text', withLine('cache: node_modules'), ['3:3 error: "cache" must be a map, not text']],
  [
    'a cache without folder',
    withLine('npm_cache: {fingerprint_script: x}'),
    ['3:3 error: the cache "npm" has neither "folder" nor "folders"; write one of them'],
  ],
  [
    'a cache with both folder keys',
    withLine('x_cache: {folder: a, folders: [b]}'),
    ['3:3 error: the cache "x" has both "folder" and "folders"; write one of them'],
  ],
  [
    'a cache with two fingerprints',
    withLine('x_cache: {folder: a, fingerprint_key: a, fingerprint_script: b}'),
    ['3:3 error: the cache "x" has both "fingerprint_script" and "fingerprint_key"; write one of them'],
  ],
  [
    'an unknown key of a cache',
    withLine('x_cache: {folder: a, fingerprnt_key: b}'),
    ['3:24 warning: unknown key "fingerprnt_key" in "x_cache"; did you mean "fingerprint_key"?'],
  ],
  [
    'an upload of no cache',
    withLine('upload_caches: a'),
    ['3:3 error: there is no cache "a" before this upload; name a cache that stands above'],
  ],
  [
    'an upload of a script',
    withLine('a_script: x\n  upload_caches: a'),
    ['4:3 error: there is no cache "a" before this upload; name a cache that stands above'],
  ],
  [
    'an upload twice',
    withLine('a_cache: {folder: x}\n  upload_caches: [a, a]'),
    ['4:22 error: the cache "a" is uploaded twice; name each cache once'],
  ],
  [
    'a file without content',
    withLine('a_file: {path: p}'),
    ['3:3 error: "a_file" does not say what to write; add variable_name: VARIABLE or from_contents: TEXT'],
  ],
  [
    'a Dockerfile at the task',
    withLine('dockerfile: D'),
    ['3:3 error: "dockerfile" must be a map, not text; a key that ends in "file" is an instruction of this kind'],
  ],
  [
    'two instances of one task',
    'task:\n  container: {image: a}\n  persistent_worker: {}\n',
    ['2:3 warning: "container" is not used: "persistent_worker" takes its place; keep one'],
  ],
  [
    'two isolations of one worker',
    'task: {persistent_worker: {isolation: {tart: {image: a}, container: {image: b}}}}\n',
    ['1:40 warning: "tart" is not used: "container" takes its place; keep one'],
  ],
  [
    'artifacts without path',
    withLine('x_artifacts: {type: text}'),
    ['3:3 warning: "x_artifacts" names no path, so nothing is kept; add path: PATTERN'],
  ],
  ['a block of text', withLine('always: x'), ['3:3 error: "always" must be a map of instructions, not text']],
  [
    'a block in a block',
    withLine('always:\n    on_failure: {script: x}'),
    ['4:5 error: "on_failure" cannot stand inside "always"; move it up into the task'],
  ],
  [
    'an unknown key in a block',
    withLine('on_failure: {scirpt: x}'),
    ['3:16 warning: unknown key "scirpt" in "on_failure"; did you mean "script"?'],
  ],
  [
    'two instructions of one name',
    withLine('cache: {folder: a}\n  script: x'),
    ['4:3 error: two instructions of this task are named "main"; rename one of them'],
  ],
  [
    'a dependency on nothing',
    withLine('depends_on: nope'),
    ['3:3 error: "main" depends on "nope", which is no task; tasks of this file: main'],
  ],
  [
    'a dependency on a key that has a name',
    'a_task: {persistent_worker: {}, name: b}\nc_task:\n  persistent_worker: {}\n  depends_on: a\n',
    ['4:3 error: "c" depends on "a", which is no task; that task calls itself "b": write this name'],
  ],
  [
    'an empty dependency',
    withLine('depends_on: [""]'),
    ['3:16 error: "depends_on" holds an empty name; name a task or its alias'],
  ],
  [
    'a dependency on itself',
    withLine('depends_on: main'),
    ['3:3 error: "main" waits for itself and can never start; remove one of their depends_on'],
  ],
  [
    'a circle',
    'persistent_worker: {}\na_task:\n  depends_on: b\nb_task:\n  depends_on: c\nc_task: {depends_on: a}\nd_task: {depends_on: a}\n',
    [
      '3:3 error: these tasks can never start: "a" waits for "b", "b" for "c", "c" for "a"; remove one of their depends_on',
    ],
  ],
  [
    'a dependency that is left out',
    'persistent_worker: {}\na_task: {only_if: false}\nb_task: {depends_on: a}\n',
    ['3:1 warning: "b" does not wait for "a", which its only_if leaves out'],
  ],
  [
    'an anchor that nobody uses',
    '.x: &x {a: b}\ntask: {persistent_worker: {}}\n',
    ['1:5 warning: the anchor &x is never used; remove it, or check its name'],
  ],
  [
    'an anchor that is written again before anybody used it',
    '.x: &x {name: b}\n.y: &x {name: c}\ntask: {persistent_worker: {}, <<: *x}\n',
    ['1:5 warning: the anchor &x is never used; remove it, or check its name'],
  ],
  [
    'a condition that can never hold',
    withLine(`only_if: $A == 'x' && ($B == 'y' && $A == 'z')`),
    [
      '3:3 warning: "main" can never run: its only_if is false whatever the variables are; correct the condition, or write only_if: false to switch the task off',
    ],
  ],
  [
    'a condition without variables',
    withLine(`only_if: "'main' == 'master' || false"`),
    [
      '3:3 warning: "main" can never run: its only_if is false whatever the variables are; correct the condition, or write only_if: false to switch the task off',
    ],
  ],
  [
    'a task that is always skipped',
    withLine('skip: "!false || false"'),
    [
      '3:3 warning: "main" can never run: its skip is true whatever the variables are; correct the condition, or write skip: true',
    ],
  ],
  ['a task that is switched off on purpose', withLine('only_if: false'), []],
  [
    'a label that contradicts the isolation',
    'task: {persistent_worker: {labels: {os: linux, arch: amd64}, isolation: {tart: {image: a}}}}\n',
    [
      '1:28 warning: the label os=linux contradicts the isolation "tart", which needs darwin; no worker fits both: change one of them',
      '1:28 warning: the label arch=amd64 contradicts the isolation "tart", which needs arm64; no worker fits both: change one of them',
    ],
  ],
  [
    'labels that contradict each other',
    'task: {persistent_worker: {labels: [{os: linux}, {os: darwin}]}}\n',
    ['1:51 warning: the label os=darwin contradicts os=linux above, and only the last counts; remove one of them'],
  ],
  [
    'an encrypted value',
    withLine('env: {TOKEN: "ENCRYPTED[!abc!]"}'),
    [
      '3:16 warning: "TOKEN" was encrypted for the hosted service, and nothing can decrypt it any more; give its value to the hub with "pwagent secrets map"',
    ],
  ],
  [
    'a trigger that nobody knows',
    withLine('trigger_type: later'),
    ['3:3 warning: there is no trigger_type "later"; write automatic or manual'],
  ],
  [
    'a mistake in a field of the hosted service',
    withLine('stateful: perhaps'),
    [
      '3:13 warning: stateful: the word "perhaps" means nothing in a condition; write true or false, \'perhaps\' for the text, or $perhaps for the variable',
    ],
  ],
  [
    'a slip in a dependency',
    `${PW}\nunit_task: {}\nb_task: {depends_on: untt}\n`,
    ['3:10 error: "b" depends on "untt", which is no task; did you mean "unit"?'],
  ],
  [
    'a slip in a dependency of a task that is left out',
    `${PW}\nunit_task: {}\nb_task: {depends_on: untt, only_if: $A == 'b'}\n`,
    ['3:10 warning: "b" depends on "untt", which is no task; did you mean "unit"?'],
  ],
  [
    'a pattern with alternatives that are not grouped',
    withLine(`only_if: $A =~ 'main|release/.*' && !($B !=~ '(x|y)[|]\\|')`),
    [
      '3:18 warning: the pattern "main|release/.*" matches what begins with its first or ends with its last alternative; write (main|release/.*) for one of them as a whole',
    ],
  ],
  ['an empty task takes all from the root', `${PW}\na_task:\n`, []],
  ['an empty block', withLine('always:'), []],
  ['a cloud is known by name', 'task: {gce_instance: {image: a}}\n', []],
];

test('at least 80 mistakes are told with their exact words', () => expect(ERRORS.length).toBeGreaterThan(120));

describe('every mistake has its place, a sentence and a remedy', () => {
  test.each(ERRORS)('%s', (_title, text, expected) => {
    expect(problemsOf(text)).toEqual([...expected]);
  });
});

/** What no persistent worker can run is no mistake, but told apart with its place. */
describe('what needs a hosted service', () => {
  test.each([
    [
      'a container',
      'task:\n  container: {image: a}\n',
      '2:3 "container" needs a hosted service; use persistent_worker with labels or an isolation instead',
    ],
    [
      'an inherited Mac',
      'macos_instance: {image: a}\ntask: {script: x}\nb_task: {script: y}\n',
      '1:1 "macos_instance" needs a hosted service; use persistent_worker with labels or an isolation instead',
    ],
    [
      'a pipe',
      'pipe: {steps: [{image: a, script: b}]}\n',
      '1:1 a pipe needs a hosted service; write a task with persistent_worker',
    ],
    [
      'a builder',
      'docker_builder: {script: b}\n',
      '1:1 a docker_builder needs a hosted service; write a task with persistent_worker',
    ],
    [
      'a cloud',
      'task: {gce_instance: {image: a}}\n',
      '1:8 "gce_instance" needs a hosted service; use persistent_worker with labels or an isolation instead',
    ],
    [
      'a cloud over the worker of the root',
      'persistent_worker: {}\ntask: {gce_instance: {image: a}}\n',
      '2:8 "gce_instance" needs a hosted service; use persistent_worker with labels or an isolation instead',
    ],
    [
      'a Dockerfile',
      'env: {CIRRUS_ARCH: arm64}\ntask: {persistent_worker: {isolation: {container: {dockerfile: D}}}}\n',
      '2:52 a Dockerfile needs a hosted service that builds its image; build the image beforehand and name it with "image"',
    ],
    [
      'nothing',
      'container: {image: a}\ntask: {persistent_worker: {}}\nb_task: {container: {image: a}, only_if: false}\n',
      '',
    ],
  ])('%s', (_title, text, expected) => {
    const { problems, foreign } = parseConfiguration({ text, environment: {} });
    expect(problems).toEqual([]);
    expect(foreign.map(({ line, column, message, hint }) => `${line}:${column} ${message}; ${hint}`).join('\n')).toBe(
      expected,
    );
  });
});

/** Where the text was written comes first; where it is used, behind. */
describe('problems of repeated text tell where it is used', () => {
  test.each([
    ['an alias', '.w: &w {lables: {}}\ntask:\n  persistent_worker: *w\n', '1:9', ['3:22']],
    ['a merge', '.t: &t {timeout_in: 1d}\ntask:\n  persistent_worker: {}\n  <<: *t\n', '1:9', ['4:7']],
    [
      'an alias of an alias',
      '.a: &a {scirpt: x}\n.b: &b {<<: *a}\ntask: {persistent_worker: {}, <<: *b}\n',
      '1:9',
      ['3:35'],
    ],
    [
      'two tasks',
      '.t: &t {scirpt: x}\na_task: {persistent_worker: {}, <<: *t}\nb_task: {persistent_worker: {}, <<: *t}\n',
      '1:9',
      ['2:37', '3:37'],
    ],
    ['through the root', '.w: &w {lables: {}}\npersistent_worker: *w\ntask: {script: x}\n', '1:9', ['2:20']],
    ['not used at all', 'task: {persistent_worker: {}, scirpt: x}\n', '1:31', []],
  ])('%s', (_title, text, written, used) => {
    const [problem, ...others] = parseConfiguration({ text, environment: {} }).problems;
    expect(others).toEqual([]);
    expect(`${problem?.line}:${problem?.column}`).toBe(written);
    expect((problem?.used ?? []).map(({ line, column }) => `${line}:${column}`)).toEqual([...used]);
  });
});
