/** A process to be killed: makes traces of sums. Arguments: the teacher's URL, the output, how many. */
import { makeTraces } from './make-traces.ts';
import { sums } from './misbehaving-teacher.test-support.ts';
import { openAiTeacher } from './openai-teacher.ts';

const [baseUrl = '', output = '', count = ''] = process.argv.slice(2);
await makeTraces(sums(Number(count)), {
  teacher: await openAiTeacher({ baseUrl, model: 'misbehaving', apiKey: 'none', timeoutMs: 150 }),
  styles: ['stepwise', 'causal'],
  output,
  concurrency: 4,
  tries: 20,
  backOffMs: 2,
});
