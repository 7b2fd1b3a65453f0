/** Thirty lines as a small project writes them: defaults, a template, a matrix, a condition. */
export const SMALL = `persistent_worker:
  labels: {os: linux}
env:
  LANG: C.UTF-8
  CI: "true"

.retry: &retry
  timeout_in: 20m

lint_task:
  <<: *retry
  script: make lint

unit_task:
  <<: *retry
  name: unit $COMPILER
  alias: unit
  env:
    matrix:
      - COMPILER: gcc
      - COMPILER: clang
  deps_cache:
    folder: ~/.cache/deps
    fingerprint_script: cat deps.lock
  test_script: make check CC=$COMPILER

ship_task:
  only_if: $CIRRUS_BRANCH == 'main' && !changesIncludeOnly('docs/**')
  depends_on: [lint, unit]
  ship_script: make ship
`;

/** Twenty lines that make six tasks: two matrices, caches, a condition, what follows a failure. */
function group(index: number): string {
  return `suite${index}_task:
  name: suite ${index} $COMPILER $MODE
  alias: suite${index}
  env:
    SUITE: part-${index}
    matrix:
      - COMPILER: gcc-12
      - COMPILER: clang-16
      - COMPILER: clang-17
  matrix:
    - env: {MODE: debug}
    - env: {MODE: release}
  skip: "!changesInclude('src/part-${index}/**', 'Makefile')"
  deps_cache: {folder: ~/.cache/deps, fingerprint_script: cat deps.lock}
  build_script: make -j4 CC=$COMPILER MODE=$MODE part-${index}
  test_script:
    - make check SUITE=$SUITE
    - make report SUITE=$SUITE
  on_failure:
    logs_artifacts: {path: "logs/**/*.txt"}
`;
}

/** A file of `groups` times 20 lines, and six tasks each. */
export function largeDocument(groups: number): string {
  const head = 'persistent_worker: {labels: {os: linux}}\n';
  return head + Array.from({ length: groups }, (_, index) => group(index)).join('');
}
