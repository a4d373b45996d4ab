import pc from 'picocolors';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { renderColumns } from './columns.ts';
import { renderHeatMap } from './heat-map.ts';
import { renderFields, renderTable } from './table.ts';

const plain = pc.createColors(false);
const colored = pc.createColors(true);
const widest = (text: string) => Math.max(...text.split('\n').map((line) => stringWidth(line)));

describe('renderColumns', () => {
  const columns = [
    { title: 'plain', text: '21', notes: ['2 tokens'] },
    {
      title: 'steered',
      text: 'Step 1: A pen costs 3 dollars.\nStep 2: 7 * 3 = 21.',
      notes: ['20 tokens', 'ended by itself'],
    },
  ];

  it('puts texts side by side, filled up to the same height', () => {
    expect(renderColumns(columns, 63, plain)).toBe(
      [
        'plain                          │ steered',
        '───────────────────────────────┼───────────────────────────────',
        '21                             │ Step 1: A pen costs 3 dollars.',
        '                               │ Step 2: 7 * 3 = 21.',
        '───────────────────────────────┼───────────────────────────────',
        '2 tokens                       │ 20 tokens',
        '                               │ ended by itself',
      ].join('\n'),
    );
  });

  it('stays inside the width, with wide characters and colours too', () => {
    const wide = [
      { title: '古池', text: '古池や蛙飛び込む水の音'.repeat(4), notes: ['x'] },
      { title: 'b', text: 'word '.repeat(60), notes: ['y'] },
    ];
    expect(widest(renderColumns(wide, 60, plain))).toBeLessThanOrEqual(60);
    expect(widest(renderColumns(wide, 61, colored))).toBeLessThanOrEqual(61);
  });

  it('stacks columns that would be too narrow', () => {
    const stacked = renderColumns([...columns, ...columns], 60, plain);
    expect(stacked).not.toContain('│');
    expect(stacked.match(/^plain$/gm)).toHaveLength(2);
  });
});

describe('renderHeatMap', () => {
  const values = [
    [0, 0],
    [1, 2],
    [4, 3],
  ];

  it('draws layers from left to right and heads from top to bottom, with a legend', () => {
    expect(renderHeatMap({ title: 'norms', values }, 40, plain)).toBe(
      ['norms  0  ·░▒▓█ 4.00', 'head 0    ░░░███', 'head 1    ▒▒▒▓▓▓', 'layer  0'].join('\n'),
    );
  });

  it('goes on in further bands where the terminal is narrow', () => {
    const many = Array.from({ length: 90 }, (_, layer) => [layer]);
    const map = renderHeatMap({ title: 'n', values: many }, 60, plain);
    expect(widest(map)).toBeLessThanOrEqual(60);
    expect(map.match(/^head 0/gm)).toHaveLength(2);
  });

  it('paints with the 256-colour palette where colours are on', () => {
    const map = renderHeatMap({ title: 'n', values }, 60, colored);
    expect(map).toContain('\u001b[48;5;228m   \u001b[49m');
    expect(widest(map)).toBeLessThanOrEqual(60);
  });

  it('draws a vector of zeros', () => {
    expect(renderHeatMap({ title: 'n', values: [[0], [0]] }, 40, plain)).toContain('head 0');
  });
});

describe('tables', () => {
  it('line up, with wide cells and without trailing blanks', () => {
    const table = renderTable(
      [{ title: 'name' }, { title: 'size', align: 'right' }, { title: 'path' }],
      [
        ['古池', '1 kB', '/a'],
        ['long-name', '98 MB', ''],
      ],
      plain,
    );
    expect(table).toBe(['name        size  path', '古池        1 kB  /a', 'long-name  98 MB'].join('\n'));
  });

  it('leave out fields without a value', () => {
    expect(
      renderFields(
        [
          ['model', 'tiny'],
          ['recipe', null],
          ['keys', 'a\nb'],
        ],
        plain,
      ),
    ).toBe('model  tiny\nkeys   a\n       b');
  });
});
