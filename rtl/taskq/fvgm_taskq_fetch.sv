// Fetch of the table: reads entries over an AXI4 read channel into a prefetch FIFO.
//
// start_i begins at base_i (64-byte aligned, checked before) with count_i entries of 64 bytes (two
// beats). Bursts are INCR, at most BurstEntries entries, never across 4 KiB, never outside
// [base, base + 64 * count), issued only when the FIFO has room for the whole burst, so that RREADY
// is constant 1. While stop_i no new burst starts and no entry comes out; those outstanding are
// taken. idle_o: nothing outstanding.
//
// Throughput: one entry per two cycles. Latency: 2 cycles from the last beat to entry_valid_o.
// Errors: entry_error_o accompanies an entry of which a beat had SLVERR or DECERR. exhausted_o: all
// count_i entries have been taken.
`include "fvgm_assert.svh"

module fvgm_taskq_fetch #(
    parameter int unsigned Depth        = 8,  // entries in the FIFO, power of two
    parameter int unsigned BurstEntries = 4   // entries per burst, power of two
) (
    input  logic                              clk_i,
    input  logic                              rst_ni,
    input  logic                              start_i,
    input  logic                              stop_i,
    input  logic [fvgm_task_pkg::AddrW-1:0]   base_i,
    input  logic [31:0]                       count_i,
    output logic                              idle_o,
    output logic                              exhausted_o,
    // entries
    output logic                              entry_valid_o,
    input  logic                              entry_ready_i,
    output logic [fvgm_isa_pkg::InstrBits-1:0] entry_o,
    output logic                              entry_error_o,
    // AXI4 read channel, 256 bits
    output logic                              m_axi_arvalid,
    input  logic                              m_axi_arready,
    output logic [fvgm_task_pkg::AddrW-1:0]   m_axi_araddr,
    output logic [7:0]                        m_axi_arlen,
    input  logic                              m_axi_rvalid,
    output logic                              m_axi_rready,
    input  logic [255:0]                      m_axi_rdata,
    input  logic [1:0]                        m_axi_rresp
);

  import fvgm_task_pkg::*;

  localparam int unsigned PtrW = $clog2(Depth);
  localparam int unsigned BurstW = $clog2(BurstEntries) + 1;
  localparam int unsigned Shift = 6;  // log2 of 64 bytes

  if (Depth < 2 * BurstEntries || (Depth & (Depth - 1)) != 0) begin : g_depth
    $error("fvgm_taskq_fetch: Depth must be a power of two, at least 2 * BurstEntries");
  end
  if (BurstEntries > 32 || (BurstEntries & (BurstEntries - 1)) != 0) begin : g_burst
    $error("fvgm_taskq_fetch: BurstEntries must be a power of two, at most 32");
  end

  logic [AddrW-Shift-1:0] next_q, araddr_q;  // in units of 64 bytes
  logic [31:0] ask_q;                        // entries not yet asked for
  logic [31:0] left_q;                       // entries not yet taken
  logic [PtrW:0] free_q;                     // places not promised to a burst
  logic [PtrW:0] pending_q;                  // asked for and not yet received
  logic [BurstW-1:0] burst, arlen_q;
  logic arvalid_q, ask, beat, received, taken, half_q, first_error_q;
  logic [255:0] first_q;
  logic fifo_valid, fifo_error;

  // A burst ends at the latest before its first entry's 4 KiB page does: pages hold 64.
  always_comb begin
    logic [6:0] to_page;
    to_page = 7'd64 - {1'b0, next_q[5:0]};
    burst = BurstW'(BurstEntries);
    if (ask_q < 32'(burst)) burst = ask_q[BurstW-1:0];
    if (to_page < 7'(burst)) burst = to_page[BurstW-1:0];
  end

  assign ask = !arvalid_q && !stop_i && ask_q != '0 && free_q >= (PtrW + 1)'(burst);
  assign beat = m_axi_rvalid && m_axi_rready;
  assign received = beat && half_q;
  assign taken = entry_valid_o && entry_ready_i;

  fvgm_fifo #(
      .Width(513),
      .Depth(Depth)
  ) u_fifo (
      .clk_i,
      .rst_ni(rst_ni && !start_i),
      .push_i(received),
      .data_i({first_error_q || m_axi_rresp[1], m_axi_rdata, first_q}),
      .valid_o(fifo_valid),
      .pop_i(taken),
      .data_o({fifo_error, entry_o})
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      arvalid_q <= 1'b0;
      ask_q <= '0;
      left_q <= '0;
      free_q <= (PtrW + 1)'(Depth);
      pending_q <= '0;
      half_q <= 1'b0;
    end else if (start_i) begin
      ask_q <= count_i;
      left_q <= count_i;
      free_q <= (PtrW + 1)'(Depth);
      half_q <= 1'b0;
    end else begin
      if (ask) begin
        arvalid_q <= 1'b1;
        ask_q <= ask_q - 32'(burst);
      end else if (m_axi_arready) begin
        arvalid_q <= 1'b0;
      end
      free_q <= free_q - (ask ? (PtrW + 1)'(burst) : '0) + (PtrW + 1)'(taken);
      pending_q <= pending_q + (ask ? (PtrW + 1)'(burst) : '0) - (PtrW + 1)'(received);
      if (beat) half_q <= !half_q;
      if (taken) left_q <= left_q - 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_i) next_q <= base_i[AddrW-1:Shift];
    else if (ask) next_q <= next_q + (AddrW - Shift)'(burst);
    if (ask) begin
      araddr_q <= next_q;
      arlen_q <= burst;
    end
    if (beat && !half_q) begin
      first_q <= m_axi_rdata;
      first_error_q <= m_axi_rresp[1];
    end
  end

  assign m_axi_arvalid = arvalid_q;
  assign m_axi_araddr = {araddr_q, Shift'(0)};
  assign m_axi_arlen = 8'({arlen_q, 1'b0} - 1'b1);
  assign m_axi_rready = 1'b1;
  assign idle_o = !arvalid_q && pending_q == '0;
  assign exhausted_o = left_q == '0;
  assign entry_valid_o = fifo_valid && !stop_i;
  assign entry_error_o = fifo_error;

  logic unused_bits;
  assign unused_bits = ^{m_axi_rresp[0], base_i[Shift-1:0]};

  `FVGM_ASSERT(StartOnlyIdle, start_i |-> idle_o)
  `FVGM_ASSERT(AddressHeld, m_axi_arvalid && !m_axi_arready && !start_i |=>
               m_axi_arvalid && $stable(m_axi_araddr) && $stable(m_axi_arlen))
  `FVGM_ASSERT(NoUnaskedBeat, m_axi_rvalid |-> pending_q != '0)

endmodule
