// SPDX-License-Identifier: MIT
module hocket/bench/peers/go

go 1.19
