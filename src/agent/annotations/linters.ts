import { z } from 'zod';
import type { Finding, Level, ReadReport } from './finding.ts';
import { readJson, readJsonLines, readJsonStream } from './json-text.ts';

const line = z.number().nullish();

/** Fields that a linter leaves out or writes as null or 0 are simply not known. */
const known = (value: number | null | undefined) => (typeof value === 'number' && value > 0 ? value : undefined);

const eslintFiles = z.array(
  z.looseObject({
    filePath: z.string(),
    messages: z.array(
      z.looseObject({
        ruleId: z.string().nullish(),
        severity: z.number(),
        message: z.string(),
        line,
        column: line,
        endLine: line,
        endColumn: line,
      }),
    ),
  }),
);

const ESLINT_LEVEL: Readonly<Record<number, Level>> = { 1: 'warning', 2: 'failure' };

export const readEslint: ReadReport = (text) =>
  readJson(text, eslintFiles).flatMap(({ filePath: path, messages }) =>
    messages.map(
      (entry): Finding => ({
        level: ESLINT_LEVEL[entry.severity] ?? 'notice',
        message: entry.ruleId ? `${entry.ruleId}: ${entry.message}` : entry.message,
        path,
        startLine: known(entry.line),
        endLine: known(entry.endLine) ?? known(entry.line),
        startColumn: known(entry.column),
        endColumn: known(entry.endColumn),
      }),
    ),
  );

const golangciReport = z.looseObject({
  Issues: z
    .array(
      z.looseObject({
        FromLinter: z.string(),
        Text: z.string(),
        Pos: z.looseObject({ Filename: z.string(), Line: line, Column: line }),
        LineRange: z.looseObject({ From: line, To: line }).nullish(),
      }),
    )
    .nullish(),
});

export const readGolangci: ReadReport = (text) =>
  (readJson(text, golangciReport).Issues ?? []).map(
    ({ FromLinter, Text, Pos, LineRange }): Finding => ({
      level: 'failure',
      message: `${Text} (${FromLinter})`,
      path: Pos.Filename,
      startLine: known(LineRange?.From) ?? known(Pos.Line),
      endLine: known(LineRange?.To) ?? known(Pos.Line),
      startColumn: known(Pos.Column),
    }),
  );

const rubocopReport = z.looseObject({
  files: z.array(
    z.looseObject({
      path: z.string(),
      offenses: z.array(
        z.looseObject({
          severity: z.string(),
          message: z.string(),
          cop_name: z.string(),
          corrected: z.boolean().nullish(),
          location: z.looseObject({
            line,
            column: line,
            start_line: line,
            start_column: line,
            last_line: line,
            last_column: line,
          }),
        }),
      ),
    }),
  ),
});

const RUBOCOP_LEVEL: Readonly<Record<string, Level>> = {
  refactor: 'notice',
  convention: 'notice',
  warning: 'warning',
  error: 'failure',
  fatal: 'failure',
};

export const readRubocop: ReadReport = (text) =>
  readJson(text, rubocopReport).files.flatMap(({ path, offenses }) =>
    offenses.flatMap(({ severity, corrected, cop_name, message, location }): Finding[] => {
      const level = Object.hasOwn(RUBOCOP_LEVEL, severity) ? RUBOCOP_LEVEL[severity] : undefined;
      if (level === undefined) return [];
      return [
        {
          level: corrected === true ? 'notice' : level,
          message: `${cop_name}: ${message}`,
          path,
          startLine: known(location.start_line) ?? known(location.line),
          endLine: known(location.last_line) ?? known(location.line),
          startColumn: known(location.start_column) ?? known(location.column),
          endColumn: known(location.last_column),
        },
      ];
    }),
  );

const bufLine = z.looseObject({
  path: z.string().nullish(),
  start_line: line,
  end_line: line,
  start_column: line,
  end_column: line,
  type: z.string().nullish(),
  message: z.string(),
});

export const readBuf: ReadReport = (text) =>
  readJsonLines(text, bufLine).map(
    (entry): Finding => ({
      level: 'warning',
      message: entry.message,
      path: entry.path ?? undefined,
      startLine: known(entry.start_line),
      endLine: known(entry.end_line),
      startColumn: known(entry.start_column),
      endColumn: known(entry.end_column),
    }),
  );

const swiftformatList = z.array(
  z.looseObject({ file: z.string(), line, reason: z.string(), rule_id: z.string().nullish() }),
);

export const readSwiftformat: ReadReport = (text) =>
  readJsonStream(text, swiftformatList).flatMap((list) =>
    list.map(
      (entry): Finding => ({
        level: 'warning',
        message: entry.rule_id ? `${entry.rule_id}: ${entry.reason}` : entry.reason,
        path: entry.file,
        startLine: known(entry.line),
        endLine: known(entry.line),
      }),
    ),
  );

const cirrusLine = z.looseObject({
  level: z.enum(['notice', 'warning', 'failure']),
  message: z.string(),
  raw_details: z.string().nullish(),
  path: z.string().nullish(),
  start_line: line,
  end_line: line,
  start_column: line,
  end_column: line,
});

export const readCirrus: ReadReport = (text) =>
  readJsonLines(text, cirrusLine).map(
    (entry): Finding => ({
      level: entry.level,
      message: entry.message,
      details: entry.raw_details ?? undefined,
      path: entry.path ?? undefined,
      startLine: known(entry.start_line),
      endLine: known(entry.end_line) ?? known(entry.start_line),
      startColumn: known(entry.start_column),
      endColumn: known(entry.end_column),
    }),
  );
