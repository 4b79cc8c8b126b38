#!/usr/bin/env node
// @aws-sdk/client-s3 and lib-storage, the JavaScript SDK with its defaults.
import { createReadStream, createWriteStream, readFileSync, existsSync, writeFileSync } from 'node:fs'
import { execSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { pipeline } from 'node:stream/promises'
import path from 'node:path'
const e = process.env
const root = path.join(path.dirname(e.WORK), 'node')
if (!existsSync(root + '/node_modules/@aws-sdk/lib-storage')) {
  execSync(`mkdir -p ${root} && cd ${root} && echo '{"private":true}' > package.json && npm install --silent --no-audit --no-fund @aws-sdk/client-s3 @aws-sdk/lib-storage`, { stdio: 'inherit' })
}
if (e.SCHEME === 'https' && e.NODE_EXTRA_CA_CERTS !== e.CA) {
  execSync(process.argv0 + ' ' + JSON.stringify(process.argv[1]), { stdio: 'inherit', env: { ...e, NODE_EXTRA_CA_CERTS: e.CA } })
  process.exit(0)
}
const require = createRequire(root + '/x.js')
const { S3Client, CreateBucketCommand, PutObjectCommand, GetObjectCommand, ListObjectsV2Command, DeleteObjectsCommand, DeleteBucketCommand } = require('@aws-sdk/client-s3')
const { Upload } = require('@aws-sdk/lib-storage')
const s3 = new S3Client({ endpoint: e.ENDPOINT, region: e.REGION, forcePathStyle: true })
const Bucket = e.BUCKET
await s3.send(new CreateBucketCommand({ Bucket }))
for (const name of ['a b.bin', 'plus+plus.bin', 'per%cent 100%25.bin', 'é à ü.txt', 'emoji 😀.bin', 'empty']) {
  const body = readFileSync(path.join(e.TREE, name))
  await s3.send(new PutObjectCommand({ Bucket, Key: name, Body: body }))
  const got = Buffer.from(await (await s3.send(new GetObjectCommand({ Bucket, Key: name }))).Body.transformToByteArray())
  if (!got.equals(body)) throw new Error(name + ' differs')
}
await new Upload({ client: s3, params: { Bucket, Key: 'big.bin', Body: createReadStream(e.BIG) } }).done()
await pipeline((await s3.send(new GetObjectCommand({ Bucket, Key: 'big.bin' }))).Body, createWriteStream('big'))
execSync(`cmp big "${e.BIG}"`)
const list = await s3.send(new ListObjectsV2Command({ Bucket }))
if (list.Contents.length !== 7) throw new Error('listed ' + list.Contents.length)
await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: list.Contents.map(o => ({ Key: o.Key })) } }))
await s3.send(new DeleteBucketCommand({ Bucket }))
