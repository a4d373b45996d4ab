import type { PlotOptions } from '@observablehq/plot';
import { Html } from './html.ts';

type Plot = typeof import('@observablehq/plot');

/** Loaded with the first plot: drawing takes most of a second to load, and most of kvsteer never draws. */
let loaded: Promise<{ plot: Plot; document: Document }> | undefined;

async function load(): Promise<{ plot: Plot; document: Document }> {
  const [plot, { parseHTML }] = await Promise.all([import('@observablehq/plot'), import('linkedom')]);
  return { plot, document: parseHTML('<!doctype html><body></body>').document };
}

/**
 * An Observable Plot as SVG. Colours are the page's CSS variables, so that one drawing serves light, dark and paper.
 *
 * @param label what it shows, for readers who do not see it.
 */
export async function draw(make: (plot: Plot) => PlotOptions, label: string): Promise<Html> {
  loaded ??= load();
  const { plot, document } = await loaded;
  const svg = plot.plot({
    style: { fontSize: '12px', background: 'none', overflow: 'visible' },
    ...make(plot),
    document,
  });
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', label);
  return new Html(svg.outerHTML);
}

/** As much of a name as a plot's margin holds. */
export function shortName(name: string, most = 34): string {
  return name.length > most ? `${name.slice(0, most - 1)}…` : name;
}
