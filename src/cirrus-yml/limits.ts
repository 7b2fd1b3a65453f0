/**
 * Bounds on what one file may ask for. A real configuration stays far below each of them; a hostile one meets a clear
 * error before it costs a second or a gigabyte.
 */
export const LIMITS = {
  /** Characters of the file. */
  textLength: 10 * 1024 * 1024,
  /** Marks, blanks and words that the YAML lexer sees; about seven for each `key: value`. */
  lexemes: 400_000,
  /** Collections inside collections, aliases followed. */
  depth: 100,
  /** Nodes of the tree with every alias counted in full. */
  nodes: 100_000,
  /** Nodes of all tasks together after every matrix is expanded. */
  expandedNodes: 1_000_000,
  tasks: 2_000,
  /** Characters of one value after its variables are replaced. */
  expandedLength: 1024 * 1024,
  /** Searches for a variable's name in a value, over the whole file. */
  expansionSteps: 20_000_000,
  /** Problems that are told; the rest is only counted. */
  problems: 500,
  /** Brackets, or `!`, inside one another in a condition. */
  conditionDepth: 100,
  /** Steps of a compiled pattern after its repetitions are written out. */
  patternSteps: 10_000,
  /** Pattern steps tried in all conditions of the file together. */
  patternWork: 50_000_000,
} as const;
