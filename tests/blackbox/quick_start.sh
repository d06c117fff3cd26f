#!/bin/bash
BASE_URL="https://partner.networkweather.com"
CLIENT_ID="your_client_id"
CLIENT_SECRET="your_client_secret"
# Authenticate
TOKEN=$(curl -s -X POST "$BASE_URL/oauth/token" \
-H "Content-Type: application/x-www-form-urlencoded" \
-d "grant_type=client_credentials&client_id=$CLIENT_ID&client_secret=$CLIENT_SECRET" \
| jq -r '.access_token')
echo "Token acquired (expires in 1 hour)"
# Fleet overview (MSP ID is in the token claims)
MSP_ID="your_msp_id"
echo "--- Fleet Stats ---"
curl -s "$BASE_URL/v1/msp/$MSP_ID/stats" \
-H "Authorization: Bearer $TOKEN" | jq '.data'
# Organizations sorted by health
echo "--- Organizations ---"
curl -s "$BASE_URL/v1/organizations" \
-H "Authorization: Bearer $TOKEN" | jq '.data[] | {name, overallHealth, devices: .stats.total}'
# Critical devices
echo "--- Critical Devices ---"
curl -s "$BASE_URL/v1/devices?status=critical" \
-H "Authorization: Bearer $TOKEN" | jq '.data[] | {clientId, os, lastSeen, assetId}'