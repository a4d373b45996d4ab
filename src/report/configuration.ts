import type { ConditionConfig } from '../evaluate/run.ts';
import { type Html, html } from './html.ts';
import type { ReportRun } from './report-run.ts';

/** Names and values of what a run depends on, for both forms of the report. */
export function configurationFields({ config, answers }: ReportRun): [name: string, value: string][] {
  const { model, engine, task } = config;
  return [
    ['model', model.name],
    ['weights, SHA-256', model.fingerprint],
    ['chat template, SHA-256', model.chatTemplateHash ?? 'none'],
    ['engine', `${engine.name}, ${engine.precision}`],
    ['task', `${task.name}: ${task.questions} questions, scored as ${task.scorer}`],
    ['questions, SHA-256', task.hash],
    ['answers recorded', String(answers.length)],
    ['tokens an answer, at most', String(config.maxTokens)],
    ['seed', String(config.seed)],
    ['versions', `kvsteer ${config.kvsteer}, Node ${config.node}`],
  ];
}

/** What a condition does, in words. */
export function describeCondition(condition: ConditionConfig): string {
  const { edits, activation, suffix, examples, offset, sampling } = condition;
  const parts = edits.map(
    ({ vector, aggregation, values, keys, layers, heads, position, centroids }) =>
      `cache edit: ${aggregation} vector ${vector.slice(0, 12)}${centroids === undefined ? '' : ` (centroid: ${centroids})`}, c_v ${values}, c_k ${keys}, layers ${layers.join(' ')}, KV heads ${heads.join(' ')}, position ${position} from the end`,
  );
  if (activation !== null) {
    const { vector, layer, strength, tokens } = activation;
    parts.push(
      `activation steering: vector ${vector.slice(0, 12)}, layer ${layer}, strength ${strength}, ${tokens === 'every' ? 'every token' : 'last prompt token'}`,
    );
  }
  if (suffix !== '') parts.push(`question followed by ${JSON.stringify(suffix)}`);
  if (examples.length > 0) parts.push(`${examples.length} example turns`);
  parts.push(offset === null ? 'no offset token' : `offset token ${JSON.stringify(offset)}`);
  if (sampling === null) parts.push('greedy');
  else parts.push(`${sampling.draws} draws at temperature ${sampling.temperature}`);
  return parts.join('; ');
}

export function configurationSection(run: ReportRun): Html {
  const { conditions, tuned } = run.config;
  return html`<dl>${configurationFields(run).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
<div class="scroll"><table><thead><tr><th>condition</th><th class="left">what it does</th></tr></thead>
<tbody>${Object.entries(conditions).map(
    ([name, condition]) =>
      html`<tr><td>${name}</td><td class="left" style="white-space:normal">${describeCondition(condition)}</td></tr>`,
  )}</tbody></table></div>
${tuned !== null && html`<details><summary>How settings were chosen</summary><pre class="json">${JSON.stringify(tuned, null, 2)}</pre></details>`}
<details><summary>The whole configuration</summary><pre class="json">${JSON.stringify(run.config, null, 2)}</pre></details>`;
}
