/** File, what a person did wrong, the edits that do it, and all that is told, without the file's name. */
type Break = readonly [string, string, readonly (readonly [string, string])[], readonly string[]];

export const BREAKS: readonly Break[] = [
  [
    'cpp.yml',
    'slips in keys',
    [
      ['  timeout_in: 240m', '  timout_in: 240m'],
      ['  ccache_cache:\n    folder:', '  ccache_cache:\n    foldr:'],
      ['persistent_worker:\n    labels:\n      type: small', 'persistent_workers:\n    labels:\n      type: small'],
    ],
    [
      '27:1: error: the task "lint" does not say where to run; add persistent_worker: {} for any worker, with labels for a particular one',
      '30:3: warning: unknown key "persistent_workers" in a task; did you mean "persistent_worker"?',
      '52:3: warning: unknown key "timout_in" in a task; did you mean "timeout_in"?',
      '53:3: error: the cache "ccache" has neither "folder" nor "folders"; write one of them',
      '54:5: warning: unknown key "foldr" in "ccache_cache"; did you mean "folder"?',
    ],
  ],
  [
    'cpp.yml',
    'a template that was renamed in one place',
    [['  <<: *MAIN_TEMPLATE', '  <<: *MAIN_TEMPLTE']],
    [
      '18:16: warning: the anchor &MAIN_TEMPLATE is never used; remove it, or check its name',
      '25:7: error: there is no anchor &MAIN_TEMPLTE before this alias; did you mean *MAIN_TEMPLATE?',
    ],
  ],
  [
    'cpp.yml',
    'a condition with one equals sign and a quote that is not closed',
    [
      ['skip: $CIRRUS_REPO_FULL_NAME == "example/gui"', 'skip: $CIRRUS_REPO_FULL_NAME = "example/gui"'],
      [
        'only_if: $CIRRUS_BRANCH == $CIRRUS_DEFAULT_BRANCH || $CIRRUS_PR != ""',
        'only_if: $CIRRUS_BRANCH == $CIRRUS_DEFAULT_BRANCH || $CIRRUS_PR != "',
      ],
    ],
    ['9:32: error: skip: a single "=" compares nothing; write "=="', '47:70: error: only_if: this quote is not closed'],
  ],
  [
    'rust.yml',
    'wrong references',
    [
      ['    - rustfmt\n', '    - rustfm\n'],
      ["only_if: $CIRRUS_PR != '' && changesInclude(", "only_if: $CIRRUS_PR != '' && changesIncludes("],
    ],
    [
      '50:32: error: only_if: the word "changesIncludes" means nothing in a condition; did you mean changesInclude?',
      '52:7: error: "semver" depends on "rustfm", which is no task; did you mean "rustfmt"?',
    ],
  ],
  [
    'rust.yml',
    'durations and truths of other languages',
    [
      ['timeout_in: 30m', 'timeout_in: 1d'],
      ['reupload_on_changes: false', 'reupload_on_changes: nope'],
      ['      allow_failures: true', '      allow_failure: true'],
    ],
    [
      '19:26: error: reupload_on_changes: the word "nope" means nothing in a condition; write true or false, \'nope\' for the text, or $nope for the variable',
      '39:7: warning: unknown key "allow_failure" in a task; did you mean "allow_failures"?',
      '54:3: error: timeout_in: "1d" is not a time limit; write minutes as a bare number, or a number with one unit: 90s, 30m, 2h',
    ],
  ],
  [
    'rust.yml',
    'a matrix that is a list of words',
    [
      [
        '      - TARGET: x86_64-unknown-linux-gnu\n      - TARGET: i686-unknown-linux-gnu',
        '      - x86_64-unknown-linux-gnu\n      - i686-unknown-linux-gnu',
      ],
    ],
    [
      '32:9: error: a variant of a matrix must be a map; write what it adds as "key: value"',
      '33:9: error: a variant of a matrix must be a map; write what it adds as "key: value"',
    ],
  ],
  [
    'swift.yml',
    'an isolation that does not exist, and amounts',
    [
      ['      tart:\n', '      tartt:\n'],
      ['      tart-vms: 1', '      tart-vms: one'],
    ],
    [
      '14:7: error: tart-vms: "one" is not an amount; write a number such as 1 or 0.5',
      '16:7: error: there is no isolation "tartt"; did you mean "tart"?',
    ],
  ],
  [
    'swift.yml',
    'a quote that is not closed',
    [['      XCODE: "15.2"', '      XCODE: "15.2']],
    ['24:14: error: this quote is not closed'],
  ],
  [
    'swift.yml',
    'amounts in other words',
    [
      ['        cpu: 4', '        cpu: four'],
      ['        memory: 12G', '        memory: 12 gigs'],
    ],
    [
      '20:9: error: cpu: "four" is not a whole number',
      '21:9: error: memory: "12 gigs" is not an amount of memory; write it like 8G or 512Mb',
    ],
  ],
  [
    'flutter.yml',
    'a key that lost its indentation',
    [['    - name: docs-linux\n      skip', '    - name: docs-linux\n     skip']],
    ['33:6: error: this line is neither an item of the list above nor part of one; check its indentation'],
  ],
  [
    'flutter.yml',
    'a condition that begins with ! without quotes',
    [['skip: "!changesInclude(\'packages/**\')"', "skip: !changesInclude('packages/**')"]],
    ['33:7: error: "skip" begins with "!", which YAML takes for a tag; put the whole condition in quotes'],
  ],
  [
    'flutter.yml',
    'tasks that wait for each other',
    [['    - name: analyze-linux\n', '    - name: analyze-linux\n      depends_on: build_tests-1_2-macos\n']],
    [
      '23:7: error: these tasks can never start: "analyze-linux" waits for "build_tests-1_2-macos", "build_tests-1_2-macos" for "analyze-linux"; remove one of their depends_on',
    ],
  ],
  [
    'python.yml',
    'a tab',
    [['  pip_cache:\n    folder: ~/.cache/pip', '  pip_cache:\n\tfolder: ~/.cache/pip']],
    ['38:1: error: a tab is used for indentation; YAML wants spaces'],
  ],
  [
    'python.yml',
    'maps and lists in the wrong place',
    [
      ['  depends_on:\n    - linux_aarch64\n    - tests', '  depends_on:\n    task: tests'],
      ['    path: "wheelhouse/*"', '    paths: {wheels: "wheelhouse/*"}'],
      ['  env:\n    TOKEN: $UPLOAD_TOKEN', '  env: TOKEN=$UPLOAD_TOKEN'],
      ['- /srv/pip:/root/.cache/pip', '- /srv/pip'],
    ],
    [
      '11:5: error: "paths" must be text or a list of texts, not a map',
      '21:9: error: "/srv/pip" is not a volume; write SOURCE:TARGET or SOURCE:TARGET:ro',
      '47:3: error: "depends_on" must be text or a list of texts, not a map',
      '52:3: error: "env" must be a map, or a list of maps, not text',
    ],
  ],
  [
    'python.yml',
    'a script with a colon',
    [['  upload_script: ./tools/wheels/upload.sh', '  upload_script: echo uploading: ./tools/wheels/upload.sh']],
    ['55:18: error: a second colon follows on the same line; put the value in quotes if the colon belongs to it'],
  ],
];
