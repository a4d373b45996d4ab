import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { InvalidArgumentError, MissingPackageError } from '../errors.ts';
import type { AnswerRecord } from '../evaluate/run.ts';
import { contentHash, type Json } from '../sweep/content-hash.ts';
import type { ReportRun } from './report-run.ts';

const TABLES = `
create table if not exists runs (
  run varchar primary key, name varchar, task varchar, questions integer, model varchar, precision varchar, config json
);
create table if not exists conditions (run varchar, condition varchar, config json, primary key (run, condition));
create table if not exists answers (
  run varchar, question varchar, condition varchar, draw integer, status varchar, text varchar, answer varchar, "by" varchar,
  "right" boolean, tokens integer, prompt_tokens integer, finish varchar, degenerate boolean, steps integer, style varchar,
  ms double, primary key (run, question, condition, draw)
);
`;

export interface Found {
  readonly columns: readonly string[];
  /** Whole numbers past 2^53, decimals and dates as text. */
  readonly rows: readonly (readonly (string | number | boolean | null)[])[];
}

/** Runs as rows of one DuckDB file: only ever added to, and a run, which is named by its configuration's hash, only once. */
export class RunDatabase implements AsyncDisposable {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;

  /** @throws MissingPackageError; InvalidArgumentError where the file is no DuckDB file, or another process has it. */
  static async open(path: string): Promise<RunDatabase> {
    const { DuckDBInstance } = await import('@duckdb/node-api').catch((cause: unknown) => {
      throw new MissingPackageError('The DuckDB file', ['@duckdb/node-api'], { cause });
    });
    try {
      // Queries reach the file's own tables: no other files, no extensions, no network.
      const instance = await DuckDBInstance.create(path, { enable_external_access: 'false' });
      const connection = await instance.connect();
      await connection.run(TABLES);
      return new RunDatabase(instance, connection);
    } catch (cause) {
      throw new InvalidArgumentError(
        'duckdb',
        `${path} cannot be opened as a DuckDB file: ${firstLine(cause)}`,
        {
          cause,
        },
      );
    }
  }

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#instance = instance;
    this.#connection = connection;
  }

  /**
   * Adds a run's configuration and those of its answers that are not there yet, in one transaction.
   *
   * @returns answers added.
   */
  async add({ name, config, answers }: ReportRun): Promise<number> {
    const run = contentHash(config as unknown as Json);
    const { task, model, engine } = config;
    const connection = this.#connection;
    const before = await this.#count(run);
    await connection.run('begin');
    try {
      await connection.run('insert or ignore into runs values ($1, $2, $3, $4, $5, $6, $7)', [
        run,
        name,
        task.name,
        task.questions,
        model.name,
        engine.precision,
        JSON.stringify(config),
      ]);
      for (const [condition, one] of Object.entries(config.conditions)) {
        const row = [run, condition, JSON.stringify(one)];
        await connection.run('insert or ignore into conditions values ($1, $2, $3)', row);
      }
      await this.#stage(run, answers);
      await connection.run('insert or ignore into answers select * from staged');
      await connection.run('drop table staged');
      await connection.run('commit');
    } catch (error) {
      await connection.run('rollback');
      throw error;
    }
    return (await this.#count(run)) - before;
  }

  /** @throws InvalidArgumentError with DuckDB's message. */
  async query(sql: string): Promise<Found> {
    try {
      const reader = await this.#connection.runAndReadAll(sql);
      return {
        columns: reader.deduplicatedColumnNames(),
        rows: reader.getRowsJson() as unknown as Found['rows'],
      };
    } catch (cause) {
      throw new InvalidArgumentError('sql', `DuckDB refused the query: ${firstLine(cause)}`, { cause });
    }
  }

  /** A row at a time would take milliseconds each; appended, thousands take as long. */
  async #stage(run: string, answers: readonly AnswerRecord[]): Promise<void> {
    await this.#connection.run('create or replace temp table staged as select * from answers limit 0');
    const rows = await this.#connection.createAppender('staged');
    const text = (value: string | null) => (value === null ? rows.appendNull() : rows.appendVarchar(value));
    for (const answer of answers) {
      text(run);
      text(answer.question);
      text(answer.condition);
      rows.appendInteger(answer.draw);
      text(answer.status);
      text(answer.text);
      text(answer.answer);
      text(answer.by);
      rows.appendBoolean(answer.right);
      rows.appendInteger(answer.tokens);
      rows.appendInteger(answer.promptTokens);
      text(answer.finish);
      rows.appendBoolean(answer.degenerate);
      rows.appendInteger(answer.steps);
      text(answer.style);
      rows.appendDouble(answer.ms);
      rows.endRow();
    }
    rows.closeSync();
  }

  async #count(run: string): Promise<number> {
    const reader = await this.#connection.runAndReadAll('select count(*)::int from answers where run = $1', [
      run,
    ]);
    return reader.getRows()[0]![0] as number;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection.closeSync();
    this.#instance.closeSync();
  }
}

function firstLine(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split('\n')[0] ?? '';
}
