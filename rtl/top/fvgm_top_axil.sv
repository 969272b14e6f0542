// AXI4-Lite decoder: core c answers at c << 12, the task queue in the last page, every other page with
// DECERR. Element c of the ports is core c's, element NumCores the task queue's.
//
// One write and one read are under way at a time; a channel's request is taken, forwarded, answered.
// Latency added: 2 cycles. Errors: DECERR for a page that is neither.
`include "fvgm_assert.svh"

module fvgm_top_axil #(
    parameter int unsigned NumCores = 1,
    parameter int unsigned AddrBits = 17
) (
    input  logic                          clk_i,
    input  logic                          rst_ni,
    // from the host
    input  logic                          s_axil_awvalid,
    output logic                          s_axil_awready,
    input  logic [AddrBits-1:0]           s_axil_awaddr,
    input  logic                          s_axil_wvalid,
    output logic                          s_axil_wready,
    input  logic [31:0]                   s_axil_wdata,
    input  logic [3:0]                    s_axil_wstrb,
    output logic                          s_axil_bvalid,
    input  logic                          s_axil_bready,
    output logic [1:0]                    s_axil_bresp,
    input  logic                          s_axil_arvalid,
    output logic                          s_axil_arready,
    input  logic [AddrBits-1:0]           s_axil_araddr,
    output logic                          s_axil_rvalid,
    input  logic                          s_axil_rready,
    output logic [31:0]                   s_axil_rdata,
    output logic [1:0]                    s_axil_rresp,
    // to the cores and the task queue; address and write data are common
    output logic [NumCores:0]           m_axil_awvalid,
    input  logic [NumCores:0]           m_axil_awready,
    output logic [11:0]                   m_axil_awaddr,
    output logic [NumCores:0]           m_axil_wvalid,
    input  logic [NumCores:0]           m_axil_wready,
    output logic [31:0]                   m_axil_wdata,
    output logic [3:0]                    m_axil_wstrb,
    input  logic [NumCores:0]           m_axil_bvalid,
    output logic [NumCores:0]           m_axil_bready,
    input  logic [NumCores:0][1:0]      m_axil_bresp,
    output logic [NumCores:0]           m_axil_arvalid,
    input  logic [NumCores:0]           m_axil_arready,
    output logic [11:0]                   m_axil_araddr,
    input  logic [NumCores:0]           m_axil_rvalid,
    output logic [NumCores:0]           m_axil_rready,
    input  logic [NumCores:0][31:0]     m_axil_rdata,
    input  logic [NumCores:0][1:0]      m_axil_rresp
);

  localparam int unsigned CoreBits = AddrBits - 12;
  localparam logic [1:0] DecErr = 2'b11;

  if (AddrBits <= 12 || NumCores >= (1 << CoreBits)) begin : g_addr
    $error("fvgm_top_axil: AddrBits does not address NumCores + 1 pages of 4 KiB");
  end

  function automatic logic [CoreBits-1:0] page(int unsigned element);
    return (element == NumCores) ? '1 : CoreBits'(element);
  endfunction

  typedef enum logic [1:0] {
    StIdle,
    StForward,
    StAnswer
  } state_e;

  // write
  state_e write_d, write_q;
  logic aw_sent_d, aw_sent_q, w_sent_d, w_sent_q, write_take, write_done, write_known;
  logic [AddrBits-1:0] awaddr_q;
  logic [31:0] wdata_q;
  logic [3:0] wstrb_q;
  logic [1:0] bresp_d, bresp_q;
  logic [NumCores:0] write_select;

  // read
  state_e read_d, read_q;
  logic ar_sent_d, ar_sent_q, read_take, read_done, read_known;
  logic [AddrBits-1:0] araddr_q;
  logic [31:0] rdata_d, rdata_q;
  logic [1:0] rresp_d, rresp_q;
  logic [NumCores:0] read_select;

  always_comb begin
    for (int unsigned c = 0; c <= NumCores; c++) begin
      write_select[c] = awaddr_q[AddrBits-1:12] == page(c);
      read_select[c] = araddr_q[AddrBits-1:12] == page(c);
    end
    write_known = |write_select;
    read_known = |read_select;
  end

  // A write is taken when address and data are both there.
  assign write_take = write_q == StIdle && s_axil_awvalid && s_axil_wvalid;
  assign read_take = read_q == StIdle && s_axil_arvalid;

  always_comb begin
    write_d = write_q;
    aw_sent_d = aw_sent_q;
    w_sent_d = w_sent_q;
    bresp_d = DecErr;
    write_done = 1'b0;
    for (int unsigned c = 0; c <= NumCores; c++) begin
      if (write_select[c] && write_q == StForward) begin
        if (m_axil_awready[c]) aw_sent_d = 1'b1;
        if (m_axil_wready[c]) w_sent_d = 1'b1;
        write_done = m_axil_bvalid[c];
        bresp_d = m_axil_bresp[c];
      end
    end
    case (write_q)
      StIdle: begin
        aw_sent_d = 1'b0;
        w_sent_d = 1'b0;
        if (write_take) write_d = StForward;
      end
      StForward: if (write_done || !write_known) write_d = StAnswer;
      default: if (s_axil_bready) write_d = StIdle;
    endcase
  end

  always_comb begin
    read_d = read_q;
    ar_sent_d = ar_sent_q;
    rdata_d = '0;
    rresp_d = DecErr;
    read_done = 1'b0;
    for (int unsigned c = 0; c <= NumCores; c++) begin
      if (read_select[c] && read_q == StForward) begin
        if (m_axil_arready[c]) ar_sent_d = 1'b1;
        read_done = m_axil_rvalid[c];
        rdata_d = m_axil_rdata[c];
        rresp_d = m_axil_rresp[c];
      end
    end
    case (read_q)
      StIdle: begin
        ar_sent_d = 1'b0;
        if (read_take) read_d = StForward;
      end
      StForward: if (read_done || !read_known) read_d = StAnswer;
      default: if (s_axil_rready) read_d = StIdle;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q <= StIdle;
      read_q <= StIdle;
      aw_sent_q <= 1'b0;
      w_sent_q <= 1'b0;
      ar_sent_q <= 1'b0;
    end else begin
      write_q <= write_d;
      read_q <= read_d;
      aw_sent_q <= aw_sent_d;
      w_sent_q <= w_sent_d;
      ar_sent_q <= ar_sent_d;
    end
  end

  always_ff @(posedge clk_i) begin
    if (write_take) begin
      awaddr_q <= s_axil_awaddr;
      wdata_q <= s_axil_wdata;
      wstrb_q <= s_axil_wstrb;
    end
    if (write_q == StForward) bresp_q <= bresp_d;
    if (read_take) araddr_q <= s_axil_araddr;
    if (read_q == StForward) begin
      rdata_q <= rdata_d;
      rresp_q <= rresp_d;
    end
  end

  assign s_axil_awready = write_take;
  assign s_axil_wready = write_take;
  assign s_axil_bvalid = write_q == StAnswer;
  assign s_axil_bresp = bresp_q;
  assign s_axil_arready = read_take;
  assign s_axil_rvalid = read_q == StAnswer;
  assign s_axil_rdata = rdata_q;
  assign s_axil_rresp = rresp_q;

  assign m_axil_awvalid = (write_q == StForward && !aw_sent_q) ? write_select : '0;
  assign m_axil_wvalid = (write_q == StForward && !w_sent_q) ? write_select : '0;
  assign m_axil_bready = (write_q == StForward) ? write_select : '0;
  assign m_axil_awaddr = awaddr_q[11:0];
  assign m_axil_wdata = wdata_q;
  assign m_axil_wstrb = wstrb_q;
  assign m_axil_arvalid = (read_q == StForward && !ar_sent_q) ? read_select : '0;
  assign m_axil_rready = (read_q == StForward) ? read_select : '0;
  assign m_axil_araddr = araddr_q[11:0];

  `FVGM_ASSERT(ReadHeld, s_axil_rvalid && !s_axil_rready |=> s_axil_rvalid && $stable(s_axil_rdata))
  `FVGM_ASSERT(ResponseHeld, s_axil_bvalid && !s_axil_bready |=> s_axil_bvalid)

endmodule
