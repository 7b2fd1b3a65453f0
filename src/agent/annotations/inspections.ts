import { z } from 'zod';
import type { Finding, Level, ReadReport } from './finding.ts';
import { wrongReport } from './finding.ts';
import { readJson } from './json-text.ts';
import { readXml } from './xml-text.ts';

/** A number from an attribute, if it is one that counts lines. */
const count = (text: string | undefined) =>
  text !== undefined && /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined;

/** Newest format of Android's lint reports whose meaning is known (specification of the agent, section 7.8). */
const ANDROID_FORMAT = 6;

const ANDROID_LEVEL: Readonly<Record<string, Level>> = {
  Fatal: 'failure',
  Error: 'failure',
  Warning: 'warning',
  Information: 'notice',
  Informational: 'notice',
};

export const readAndroidLint: ReadReport = async (text) => {
  const [report] = (await readXml(text)).children('issues');
  if (report === undefined) throw wrongReport('it has no <issues>');
  const format = Number(report.attributes.format ?? 1);
  if (!(format <= ANDROID_FORMAT))
    throw wrongReport(`its format ${report.attributes.format} is newer than ${ANDROID_FORMAT}`);
  return report.children('issue').flatMap((issue) => {
    const { severity = '', message = '', id = '', summary, explanation } = issue.attributes;
    const level = Object.hasOwn(ANDROID_LEVEL, severity) ? ANDROID_LEVEL[severity] : undefined;
    if (level === undefined) return [];
    return issue.children('location').map(
      ({ attributes }): Finding => ({
        level,
        message,
        details: explanation ?? summary,
        name: id || undefined,
        path: attributes.file,
        startLine: count(attributes.line),
        endLine: count(attributes.line),
        startColumn: count(attributes.column),
      }),
    );
  });
};

const qodanaReport = z.looseObject({
  listProblem: z.array(
    z.looseObject({
      severity: z.string().nullish(),
      comment: z.string().nullish(),
      detailsInfo: z.string().nullish(),
      sources: z
        .array(z.looseObject({ path: z.string(), line: z.number().nullish(), offset: z.number().nullish() }))
        .nullish(),
    }),
  ),
});

const QODANA_LEVEL: Readonly<Record<string, Level>> = { critical: 'failure', high: 'warning', moderate: 'warning' };

export const readQodana: ReadReport = (text) =>
  readJson(text, qodanaReport).listProblem.flatMap(({ severity, comment, detailsInfo, sources }) =>
    (sources ?? []).map(
      (source): Finding => ({
        level: QODANA_LEVEL[severity?.toLowerCase() ?? ''] ?? 'notice',
        message: comment ?? '',
        details: detailsInfo ?? undefined,
        path: source.path,
        startLine: source.line || undefined,
        endLine: source.line || undefined,
        startColumn: source.offset || undefined,
      }),
    ),
  );

const number = z.number().nullish();

const xcodeMessages = z
  .array(
    z.looseObject({
      title: z.string(),
      detail: z.string().nullish(),
      documentURL: z.string().nullish(),
      startingLineNumber: number,
      endingLineNumber: number,
      startingColumnNumber: number,
      endingColumnNumber: number,
    }),
  )
  .nullish();

const xcodeSteps = z.array(z.looseObject({ errors: xcodeMessages, warnings: xcodeMessages, notes: xcodeMessages }));

export const readXclogparser: ReadReport = (text) =>
  readJson(text, xcodeSteps).flatMap((step) => {
    const lists: readonly (readonly [Level, z.output<typeof xcodeMessages>])[] = [
      ['failure', step.errors],
      ['warning', step.warnings],
      ['notice', step.notes],
    ];
    return lists.flatMap(([level, messages]) =>
      (messages ?? []).flatMap((entry): Finding[] => {
        if (!entry.documentURL) return [];
        return [
          {
            level,
            message: entry.title,
            details: entry.detail ?? undefined,
            path: entry.documentURL.replace(/^file:\/\//, ''),
            startLine: entry.startingLineNumber || undefined,
            endLine: entry.endingLineNumber || undefined,
            startColumn: entry.startingColumnNumber || undefined,
            endColumn: entry.endingColumnNumber || undefined,
          },
        ];
      }),
    );
  });
