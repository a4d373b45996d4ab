# docker build -t kvsteer .
# docker run --rm -p 8080:8080 -e KVSTEER_API_KEYS=$(openssl rand -hex 32) -v kvsteer-vectors:/vectors kvsteer
FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc* ./
RUN npm ci
COPY . .
RUN npm run build && npm prune --omit=dev

FROM node:20-bookworm-slim
ENV NODE_ENV=production KVSTEER_CACHE=/cache
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/models ./models
RUN mkdir /cache /vectors && chown node:node /cache /vectors
USER node
VOLUME ["/cache", "/vectors"]
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# SIGTERM reaches node itself, which lets running answers end.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "dist/cli/main.js", "serve", "--host", "0.0.0.0", "--vectors", "/vectors"]
CMD ["--model", "tiny"]
