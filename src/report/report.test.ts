import { parseHTML } from 'linkedom';
import { beforeAll, describe, expect, it } from 'vitest';
import { compareRuns } from './compare-runs.ts';
import { escapeHtml, html } from './html.ts';
import { reportHtml } from './report-html.ts';
import { escapeMarkdown, reportMarkdown } from './report-markdown.ts';
import { cacheCondition, hostile, madeRun, sweepRun } from './sample-run.test-support.ts';
import { samplesOf } from './samples.ts';

describe('html', () => {
  it('escapes everything but Html, and shows what would be invisible', () => {
    const part = html`<b>${'<i>'}</b>`;
    expect(html`${part}${['a', '&']}${null}${false}${0}`.text).toBe('<b>&lt;i&gt;</b>a&amp;0');
    expect(escapeHtml('\u202ea\u0000\ud800"')).toBe('\\u{202e}a\\u{0}\\u{d800}&quot;');
    expect(escapeHtml('naïve 😀\n\t')).toBe('naïve 😀\n\t');
  });
});

describe('reportHtml', () => {
  let page: string;
  let document: Document;
  beforeAll(async () => {
    page = await reportHtml([sweepRun()]);
    ({ document } = parseHTML(page));
  });
  const texts = (selector: string) =>
    [...document.querySelectorAll(selector)].map(({ textContent }) => textContent ?? '');

  it('has every part, and the table says what the runs measured', () => {
    expect(texts('h2')).toEqual([
      'Accuracy',
      'Stability',
      'Layers and KV heads',
      'Tokens an answer',
      'Styles of reasoning',
      'Answers side by side',
      'Configuration',
    ]);
    // 4 of 40 and 38 of 40; the intervals are Wilson's.
    expect(texts('table tr')[1]).toMatch(/^plain\s*10\.0\[4\.0, 23\.1\]/);
    expect(texts('table tr')[2]).toMatch(/^cot\s*95\.0\[83\.5, 98\.6\]\s*\+85\.0/);
    expect(texts('p.lead')[0]).toMatch(
      /^Most accurate: cot, 95\.0 % against 10\.0 % with plain: \+85\.0 points/,
    );
    expect(texts('p.warning')[0]).toMatch(/^40 questions: .*too few/);
    expect(document.querySelectorAll('svg').length).toBeGreaterThan(10);
  });

  it('runs and loads nothing, whatever models, names and files say', async () => {
    const { right, condition } = { right: 0.5, condition: cacheCondition(1) };
    const run = madeRun({ plain: { condition, right }, [hostile]: { condition, right } }, 4, hostile);
    const { document: worst } = parseHTML(await reportHtml([run, run], { compare: true }));
    for (const shown of [document, worst]) {
      expect(shown.querySelectorAll('script, img, iframe, link, object, base')).toHaveLength(0);
      const attributes = [...shown.querySelectorAll('*')].flatMap((element) => [...element.attributes]);
      expect(attributes.filter(({ name }) => name.startsWith('on'))).toEqual([]);
      expect(attributes.filter(({ value }) => /https?:|javascript:|url\(/.test(value))).toEqual([]);
    }
    const policy = document.querySelector('meta[http-equiv="Content-Security-Policy"]');
    expect(policy?.getAttribute('content')).toBe("default-src 'none'; style-src 'unsafe-inline'");
    // It is shown, as text.
    expect(texts('pre.answer').join()).toContain('<script>alert("1")</script>');
  });

  it('is the same for the same answers in another order', async () => {
    const run = sweepRun();
    expect(await reportHtml([{ ...run, answers: [...run.answers].reverse() }])).toBe(page);
  });

  it('says so where a run is unfinished, small, at the floor or without a control', async () => {
    const steered = { condition: cacheCondition(4), right: 0, degenerate: 0.5 };
    const plain = { condition: cacheCondition(0), right: 0 };
    const run = madeRun({ plain, steered }, 400);
    const warnings = async (given: typeof run) =>
      [...parseHTML(await reportHtml([given])).document.querySelectorAll('p.warning')]
        .map(({ textContent }) => textContent)
        .join('\n');
    const said = await warnings(run);
    expect(said).not.toMatch(/too few/);
    expect(said).toMatch(/at the floor/);
    expect(said).toMatch(/No control with a random vector/);
    expect(said).toMatch(/steered: 50\.0 % of the answers are degenerate \(0\.0 % with plain\)/);
    expect(await warnings({ ...run, isFinished: false })).toMatch(/not finished.*800 answers so far/);
  });
});

describe('samplesOf', () => {
  it('shows the baseline and the best of each kind, first where they part', () => {
    const samples = samplesOf(sweepRun());
    expect(samples[0]!.answers.map(({ condition }) => condition)).toEqual([
      'plain',
      'values 1',
      'cot',
      'activation 1',
    ]);
    const rights = samples.map(({ answers }) => new Set(answers.map(({ record }) => record.right)).size);
    expect(rights).toEqual([2, 2, 2, 2, 2, 1]);
  });
});

describe('compareRuns', () => {
  it('pairs the runs by question', () => {
    const condition = cacheCondition(1);
    const a = madeRun({ x: { condition, right: 0.25 }, onlyHere: { condition, right: 0 } }, 12, 'a');
    const b = madeRun({ x: { condition: cacheCondition(2), right: 0.75 } }, 12, 'b');
    const { changes, differences, onlyA, isSameTask } = compareRuns(a, b);
    // Right are 3 of 12, then 9, those 3 among them: 6 gained. McNemar's exact p of 6 to 0 is 2 / 2^6.
    expect(changes).toHaveLength(1);
    expect(changes[0]).toMatchObject({ condition: 'x', n: 12, a: 0.25, b: 0.75, difference: 0.5 });
    expect(changes[0]).toMatchObject({ gained: 6, lost: 0, p: 2 / 2 ** 6, holm: 2 / 2 ** 6, isSame: false });
    expect([differences, onlyA, isSameTask]).toEqual([[], ['onlyHere'], true]);
  });
});

describe('reportMarkdown', () => {
  it('has the tables, and names that try to be markup are text', () => {
    const text = reportMarkdown([sweepRun()]);
    expect(text).toContain('| plain | 10.0 [4.0, 23.1] |');
    expect(text).toMatch(/- cache steering .* Usable of those tried: c\\_v from 1 to 2; best at 1/);
    expect(escapeMarkdown('a|b\n# [x](javascript:1) <b> *c* & < 0.001')).toBe(
      'a\\|b # [x\\](javascript:1) \\<b> \\*c\\* &amp; < 0.001',
    );
  });
});
